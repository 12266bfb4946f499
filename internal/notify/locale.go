package notify

import "golang.org/x/text/language"

// knownLocale says whether a tag is one of a language.
func knownLocale(tag string) bool {
	_, err := language.Parse(tag)
	return err == nil
}
