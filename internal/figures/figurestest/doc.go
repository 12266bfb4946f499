// Package figurestest holds figures against a second implementation of the contract of `evaluate` and against the laws that
// its figures keep, over random ledgers.
//
// It owns the oracle, which is written from the contract alone and is simple rather than fast: fractions, day by day, nothing
// kept that can be worked out anew; and the generator of ledgers with every activity type, lot method, scope and several
// currencies. It never looks into figures: both read the same case and only their answers are compared.
package figurestest
