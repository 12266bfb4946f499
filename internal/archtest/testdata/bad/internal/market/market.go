// Word.
package market // want: package market says nowhere what it owns
