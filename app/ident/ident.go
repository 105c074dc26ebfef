// Package ident checks the identifiers of the field by their published
// checksums. A checksum proves typing, never ownership.
package ident

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nyaruka/phonenumbers"

	"loan310/app/fault"
)

// Codes of refused identifiers.
const (
	CodeLicence  fault.Code = "licence_number_invalid"
	CodeIdentity fault.Code = "identity_number_invalid"
	CodeCard     fault.Code = "card_number_invalid"
	CodePhone    fault.Code = "phone_invalid"
	CodeMinor    fault.Code = "under_age"
)

// NewID gives a UUIDv7: unique, ordered by time.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// DerivedID gives the same UUID (version 5) for the same parts, for ids that
// follow from a business key.
func DerivedID(parts ...string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("loan310\x00"+strings.Join(parts, "\x00"))).String()
}

const usccAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// Licence checks a unified social credit code (GB 32100-2015: weights
// 3^(i-1) mod 31, check (31 - sum mod 31) mod 31) and gives it in upper case.
// A fault names the field "licence_number" and says which character is off.
func Licence(text string) (string, error) {
	code := strings.ToUpper(strings.TrimSpace(text))
	if len(code) != 18 {
		return "", fault.Field("licence_number", CodeLicence, "A unified social credit code has 18 characters; this has %d.", len([]rune(code)))
	}
	sum, weight := 0, 1
	for i := range 18 {
		value := strings.IndexByte(usccAlphabet, code[i])
		if value < 0 {
			return "", fault.Field("licence_number", CodeLicence, "Character %d (%q) cannot stand in a unified social credit code; I, O, S, V and Z are never used.", i+1, code[i])
		}
		if i < 17 {
			sum += value * weight
			weight = weight * 3 % 31
		}
	}
	if check := usccAlphabet[(31-sum%31)%31]; check != code[17] {
		return "", fault.Field("licence_number", CodeLicence, "The check character does not fit: one of the 18 characters was mistyped. Compare with the top line of the licence.")
	}
	return code, nil
}

// LicenceCheck gives the check character for the first 17 characters, which
// must be of the code's alphabet.
func LicenceCheck(first17 string) byte {
	sum, weight := 0, 1
	for i := range 17 {
		sum += strings.IndexByte(usccAlphabet, first17[i]) * weight
		weight = weight * 3 % 31
	}
	return usccAlphabet[(31-sum%31)%31]
}

var identityWeights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}

const identityChecks = "10X98765432"

// Identity checks a resident identity number (GB 11643-1999) as of now:
// digits, province, a real date of birth, the check character, an age of 18
// or more. It gives the number in upper case.
func Identity(text string, now time.Time) (string, error) {
	number := strings.ToUpper(strings.TrimSpace(text))
	refuse := func(format string, args ...any) (string, error) {
		return "", fault.Field("identity_number", CodeIdentity, format, args...)
	}
	if len(number) != 18 {
		return refuse("A resident identity number has 18 characters; this has %d.", len([]rune(number)))
	}
	for i := range 17 {
		if number[i] < '0' || number[i] > '9' {
			return refuse("Character %d must be a digit.", i+1)
		}
	}
	if !validProvince(number[:2]) {
		return refuse("The first two digits are not a province.")
	}
	born, err := time.Parse("20060102", number[6:14])
	if err != nil || born.After(now) {
		return refuse("Digits 7 to 14 are not a date of birth.")
	}
	if IdentityCheck(number[:17]) != number[17] {
		return refuse("The last character does not fit: one of the 18 was mistyped.")
	}
	if born.AddDate(18, 0, 0).After(now) {
		return "", fault.Field("identity_number", CodeMinor, "The legal representative must be 18 or older.")
	}
	return number, nil
}

// IdentityCheck gives the check character for 17 digits.
func IdentityCheck(first17 string) byte {
	sum := 0
	for i, weight := range identityWeights {
		sum += int(first17[i]-'0') * weight
	}
	return identityChecks[sum%11]
}

func validProvince(two string) bool {
	const provinces = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83 91"
	return strings.Contains(provinces, two)
}

// Card checks a bank card number by its length (12 to 19) and the Luhn digit.
func Card(text string) (string, error) {
	number := strings.ReplaceAll(strings.TrimSpace(text), " ", "")
	if len(number) < 12 || len(number) > 19 {
		return "", fault.Field("account_number", CodeCard, "A card number has 12 to 19 digits.")
	}
	for i := range len(number) {
		if number[i] < '0' || number[i] > '9' {
			return "", fault.Field("account_number", CodeCard, "Character %d must be a digit.", i+1)
		}
	}
	if LuhnDigit(number[:len(number)-1]) != number[len(number)-1] {
		return "", fault.Field("account_number", CodeCard, "The card number does not fit its check digit: one digit was mistyped.")
	}
	return number, nil
}

// LuhnDigit gives the Luhn check digit for a string of digits.
func LuhnDigit(digits string) byte {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// Phone checks a mobile number (China when no country is given) and gives it
// in E.164.
func Phone(text string) (string, error) {
	number, err := phonenumbers.Parse(text, "CN")
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return "", fault.Field("phone", CodePhone, "This is not a mobile number. For China: 11 digits starting with 1.")
	}
	kind := phonenumbers.GetNumberType(number)
	if kind != phonenumbers.MOBILE && kind != phonenumbers.FIXED_LINE_OR_MOBILE {
		return "", fault.Field("phone", CodePhone, "This is not a mobile number; a code cannot be sent to it.")
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

// Mask hides all but the first keep and last tail characters of a secret, for
// screens.
func Mask(text string, keep, tail int) string {
	runes := []rune(text)
	if len(runes) <= keep+tail {
		return strings.Repeat("*", len(runes))
	}
	return fmt.Sprintf("%s%s%s", string(runes[:keep]), strings.Repeat("*", len(runes)-keep-tail), string(runes[len(runes)-tail:]))
}
