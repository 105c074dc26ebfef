package relations

import (
	"strings"
	"unicode"
)

// Address brings a business address into one form, so that spellings of one
// place are alike: no spaces and punctuation, ASCII digits and lower-case
// letters for their full-width forms, no mark after the last number (12号 and
// 12). What names no number is a town or a street, not a place two merchants
// share by themselves: it gives nothing.
func Address(text string) string {
	var b strings.Builder
	number := false
	for _, r := range text {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		switch {
		case unicode.IsDigit(r):
			number = true
		case !unicode.IsLetter(r):
			continue
		}
		b.WriteRune(unicode.ToLower(r))
	}
	if !number {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSuffix(b.String(), "室"), "号")
}
