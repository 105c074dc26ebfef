package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/merchant"
)

func TestMerchantIsGivenAsStored(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		m := s.merchant(t)
		byID, err := s.Merchants().Merchant(t.Context(), m.ID)
		require.NoError(t, err)
		require.Equal(t, m, byID)
		byPhone, err := s.Merchants().ByPhone(t.Context(), m.Phone.Reveal())
		require.NoError(t, err)
		require.Equal(t, m, byPhone)

		m.State, m.Licence.Name, m.Language = merchant.Suspended, "another name", "en"
		m.Steps[merchant.StepPayout] = merchant.Progress{State: merchant.StepRejected, Code: "account_mismatch", At: now()}
		m.Consents[2].WithdrawnAt = now().Add(time.Minute)
		updated, err := s.Merchants().Update(t.Context(), m, entry("merchant.suspended", "merchant/"+m.ID))
		require.NoError(t, err)
		require.Equal(t, int64(2), updated.Version)
		again, err := s.Merchants().Merchant(t.Context(), m.ID)
		require.NoError(t, err)
		require.Equal(t, updated, again)

		trail, err := s.Audit(t.Context(), "merchant/"+m.ID)
		require.NoError(t, err)
		require.Len(t, trail, 2)
		require.Equal(t, entry("merchant.registered", "merchant/"+m.ID), trail[0])
		require.Equal(t, "merchant.suspended", trail[1].Action)
	})
}

func TestMerchantWithNothingButAPhone(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		for range 2 { // two without a licence do not clash
			m := merchant.Merchant{ID: newMerchant().ID, State: merchant.Registering, Phone: merchant.Secret(newPhone()), CreatedAt: now()}
			require.NoError(t, s.Merchants().Create(t.Context(), m, entry("merchant.registered", "merchant/"+m.ID)))
			stored, err := s.Merchants().Merchant(t.Context(), m.ID)
			require.NoError(t, err)
			require.Equal(t, m, stored)
		}
	})
}

func TestMerchantErrors(t *testing.T) {
	t.Parallel()
	onBoth(t, func(s *suite) {
		t := s.t
		ctx, merchants := t.Context(), s.Merchants()
		first, second := s.merchant(t), s.merchant(t)

		samePhone := newMerchant()
		samePhone.Phone = first.Phone
		err := merchants.Create(ctx, samePhone, entry("merchant.registered", "merchant/x"))
		requireFault(t, err, fault.Conflict, fault.CodeDuplicate)
		require.NotContains(t, err.Error(), first.Phone.Reveal())
		trail, err := s.Audit(ctx, "merchant/x")
		require.NoError(t, err)
		require.Empty(t, trail, "a refused change leaves no audit entry")

		sameLicence := second
		sameLicence.Licence.Number = first.Licence.Number
		_, err = merchants.Update(ctx, sameLicence, entry("merchant.changed", "merchant/"+second.ID))
		requireFault(t, err, fault.Conflict, fault.CodeDuplicate)

		_, err = merchants.Update(ctx, second, entry("merchant.changed", "merchant/"+second.ID))
		require.NoError(t, err)
		_, err = merchants.Update(ctx, second, entry("merchant.changed", "merchant/"+second.ID))
		requireFault(t, err, fault.Conflict, fault.CodeStale)

		_, err = merchants.Update(ctx, newMerchant(), entry("merchant.changed", "merchant/none"))
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = merchants.Merchant(ctx, "none")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
		_, err = merchants.ByPhone(ctx, "+8613000000000")
		requireFault(t, err, fault.NotFound, fault.CodeNotFound)
	})
}

// requireFault requires a fault of a kind and code.
func requireFault(tb require.TestingT, err error, kind fault.Kind, code fault.Code) {
	if helper, ok := tb.(interface{ Helper() }); ok {
		helper.Helper()
	}
	require.Error(tb, err)
	require.Equal(tb, code, fault.CodeOf(err), "%v", err)
	require.Equal(tb, kind, fault.KindOf(err), "%v", err)
}
