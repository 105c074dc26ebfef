package underwriting_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/app/underwriting"
)

func TestOnlyPublicAddressesNameAPlace(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"115.236.4.7":                 "115.236.4.7",
		"::ffff:115.236.4.7":          "115.236.4.7",
		"2408:8000:1:2:3:4:5:6":       "2408:8000:1:2::/64", // a household has the whole network
		"2408:8000:1:2:ffff:4:5:6%e0": "2408:8000:1:2::/64",
		"10.0.0.7":                    "",
		"192.168.1.1":                 "",
		"127.0.0.1":                   "",
		"169.254.1.1":                 "",
		"fd00::1":                     "",
		"::1":                         "",
		"0.0.0.0":                     "",
		"":                            "",
		"nonsense":                    "",
	} {
		require.Equal(t, want, underwriting.Origin{IP: address}.Network(), address)
	}
}
