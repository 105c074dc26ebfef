package ident_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/ident"
)

func TestLicenceFollowsGB32100(t *testing.T) {
	t.Parallel()
	for _, valid := range []string{"91350100M000100Y43", "91330100799655058B", "9144030071526726XG", " 91350100m000100y43 "} {
		_, err := ident.Licence(valid)
		require.NoError(t, err, valid)
	}
	for text, why := range map[string]string{
		"91350100M000100Y4Z": "cannot stand",
		"91350100M000100Y44": "check character",
		"91350100M000100Y4":  "18 characters",
		"9135010IM000100Y43": "Character 8",
	} {
		_, err := ident.Licence(text)
		require.ErrorContains(t, err, why, text)
		require.Equal(t, ident.CodeLicence, fault.CodeOf(err))
	}
	require.Equal(t, byte('3'), ident.LicenceCheck("91350100M000100Y4"))
}

func TestIdentityFollowsGB11643(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, valid := range []string{"11010519491231002X", "440524188001010014", "11010519491231002x"} {
		_, err := ident.Identity(valid, now)
		require.NoError(t, err, valid)
	}
	for text, code := range map[string]fault.Code{
		"110105194912310021": ident.CodeIdentity,
		"110105194913310021": ident.CodeIdentity,
		"99010519491231002X": ident.CodeIdentity,
		"1101051949123100":   ident.CodeIdentity,
	} {
		_, err := ident.Identity(text, now)
		require.Equal(t, code, fault.CodeOf(err), text)
	}
	first := "11010520100101002"
	_, err := ident.Identity(first+string(ident.IdentityCheck(first)), now)
	require.Equal(t, ident.CodeMinor, fault.CodeOf(err))
}

func TestCardFollowsLuhn(t *testing.T) {
	t.Parallel()
	number, err := ident.Card("6123 4512 3456 7893")
	require.NoError(t, err)
	require.Equal(t, "6123451234567893", number)
	for _, text := range []string{"6123451234567894", "61234", "6123x51234567893"} {
		_, err := ident.Card(text)
		require.Equal(t, ident.CodeCard, fault.CodeOf(err), text)
	}
}

func TestPhoneIsMobileInE164(t *testing.T) {
	t.Parallel()
	number, err := ident.Phone("138 0013 8000")
	require.NoError(t, err)
	require.Equal(t, "+8613800138000", number)
	for _, text := range []string{"", "12345", "+861012345678", "not a phone"} {
		_, err := ident.Phone(text)
		require.Equal(t, ident.CodePhone, fault.CodeOf(err), text)
	}
}

func TestMaskKeepsEnds(t *testing.T) {
	t.Parallel()
	require.Equal(t, "138****8000", ident.Mask("13800008000", 3, 4))
	require.Equal(t, "***", ident.Mask("abc", 3, 4))
}
