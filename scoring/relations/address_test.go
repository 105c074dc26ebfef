package relations_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/scoring/relations"
)

func TestOnePlaceHasOneAddress(t *testing.T) {
	t.Parallel()
	for _, spelling := range []string{"杭州市文三路12号", "杭州市 文三路 12 号", "杭州市文三路１２号", "杭州市，文三路12", "杭州市文三路12号。"} {
		require.Equal(t, "杭州市文三路12", relations.Address(spelling), spelling)
	}
	require.Equal(t, relations.Address("12 Main St., Unit 4b"), relations.Address("12 MAIN ST UNIT 4B"))
	require.NotEqual(t, relations.Address("文三路12号3室"), relations.Address("文三路12号"))
	for _, town := range []string{"杭州市", "杭州市文三路", "", " ", "Main Street"} {
		require.Empty(t, relations.Address(town), "%q is no place of two merchants alone", town)
	}
	rapid.Check(t, func(t *rapid.T) {
		once := relations.Address(rapid.String().Draw(t, "text"))
		require.Equal(t, once, relations.Address(once+" "))
	})
}
