package merchant_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/store"
	"loan310/app/clock"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/merchant"
	"loan310/scoring/evidence"
)

const (
	licence  = "91350100M000100Y43"
	rep      = "王小明"
	identity = "11010519491231002X"
	account  = "6123451234567893"
)

// sources are the registry and the identity provider as the test sets them.
type sources struct {
	record  evidence.RegistryRecord
	down    error // of the registry
	person  merchant.Match
	account merchant.Match
	absent  error // of the identity provider
}

func (s *sources) Lookup(context.Context, string) (evidence.RegistryRecord, error) {
	return s.record, s.down
}

func (s *sources) Person(context.Context, string, string) (merchant.Match, error) {
	return s.person, s.absent
}

func (s *sources) Account(context.Context, string, string, string) (merchant.Match, error) {
	return s.account, s.absent
}

func (s *sources) Send(context.Context, merchant.Message) error { return errors.New("nobody hears") }

func newService(t *testing.T) (*merchant.Service, *sources, string) {
	t.Helper()
	text, err := store.GenerateKeys()
	require.NoError(t, err)
	keys, err := store.ParseKeys(text)
	require.NoError(t, err)
	now := clock.Fixed(time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC))
	db, err := store.Open(t.Context(), store.Config{DSN: "sqlite://" + filepath.Join(t.TempDir(), "test.db"), Keys: keys, Clock: now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(t.Context()))
	s := &sources{
		record: evidence.RegistryRecord{LicenceNumber: licence, Name: "小明百货店", LegalRep: rep, Status: evidence.RegistryActive},
		person: merchant.Matched, account: merchant.Matched,
	}
	service := merchant.NewService(merchant.Deps{Store: db.Merchants(), Registry: s, Identity: s, Notifier: s, Now: now, NewID: ident.NewID})
	m, fresh, err := service.Register(t.Context(), "+8613800138000", "", "en", ident.Origin{})
	require.NoError(t, err)
	require.True(t, fresh)
	return service, s, m.ID
}

var all = evidence.Sources[:]

// finish goes through every step.
func finish(t *testing.T, service *merchant.Service, id string) merchant.Merchant {
	t.Helper()
	_, err := service.SubmitLicence(t.Context(), id, licence)
	require.NoError(t, err)
	_, err = service.SubmitLegalRep(t.Context(), id, rep, identity)
	require.NoError(t, err)
	_, err = service.SubmitPayout(t.Context(), id, "wallet", account)
	require.NoError(t, err)
	m, err := service.GiveConsents(t.Context(), id, merchant.ConsentVersion, "en", all)
	require.NoError(t, err)
	return m
}

func TestMerchantIsActiveWhenEveryStepIsVerified(t *testing.T) {
	t.Parallel()
	service, _, id := newService(t)
	require.Equal(t, merchant.Active, finish(t, service, id).State)
	again, fresh, err := service.Register(t.Context(), "+8613800138000", "", "en", ident.Origin{})
	require.NoError(t, err)
	require.False(t, fresh)
	require.Equal(t, id, again.ID)
}

func TestRefusalsNameTheFieldAndLeaveTheStepRejected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  func(*sources)
		act  func(context.Context, *merchant.Service, string) error
		code fault.Code
		step merchant.Step
	}{
		"licence unknown to the registry": {
			func(s *sources) { s.down = fault.Missing("licence") }, submitLicence, merchant.CodeLicenceUnknown, merchant.StepLicence,
		},
		"licence revoked": {
			func(s *sources) { s.record.Status = evidence.RegistryRevoked }, submitLicence, merchant.CodeLicenceInactive, merchant.StepLicence,
		},
		"another legal representative": {
			func(s *sources) { s.record.LegalRep = "李四" }, submitPerson, merchant.CodeNotLegalRep, merchant.StepLegalRep,
		},
		"name and number of two people": {
			func(s *sources) { s.person = merchant.Mismatched }, submitPerson, merchant.CodeIdentityMismatch, merchant.StepLegalRep,
		},
		"account of somebody else": {
			func(s *sources) { s.account = merchant.Mismatched }, submitAccount, merchant.CodeAccountMismatch, merchant.StepPayout,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service, s, id := newService(t)
			c.set(s)
			err := c.act(t.Context(), service, id)
			known, ok := errors.AsType[*fault.Error](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, c.code, known.Code)
			require.NotEmpty(t, known.Field)
			m, err := service.Merchant(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, merchant.StepRejected, m.Steps[c.step].State)
			require.Equal(t, merchant.Registering, m.State)
			require.Equal(t, c.step, m.Next())
		})
	}
}

func submitLicence(ctx context.Context, service *merchant.Service, id string) error {
	_, err := service.SubmitLicence(ctx, id, licence)
	return err
}

func submitPerson(ctx context.Context, service *merchant.Service, id string) error {
	if err := submitLicence(ctx, service, id); err != nil {
		return err
	}
	_, err := service.SubmitLegalRep(ctx, id, rep, identity)
	return err
}

func submitAccount(ctx context.Context, service *merchant.Service, id string) error {
	if err := submitPerson(ctx, service, id); err != nil {
		return err
	}
	_, err := service.SubmitPayout(ctx, id, "wallet", account)
	return err
}

func TestSilentSourcesLeaveStepsCheckingWhileTheMerchantGoesOn(t *testing.T) {
	t.Parallel()
	service, s, id := newService(t)
	s.down = fault.New(fault.Unavailable, fault.CodeProviderDown, "down")
	s.absent = s.down
	m := finish(t, service, id)
	require.Equal(t, merchant.Registering, m.State)
	require.Empty(t, m.Next()) // nothing is left for the merchant to do
	s.absent = nil
	m, err := service.Recheck(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, merchant.StepChecking, m.Steps[merchant.StepLegalRep].State) // held against the registry's name, which is not known yet
	s.down = nil
	m, err = service.Recheck(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, merchant.Active, m.State)
}

func TestRecheckThatIsRefusedAsksTheMerchantAgain(t *testing.T) {
	t.Parallel()
	service, s, id := newService(t)
	s.down = fault.New(fault.Unavailable, fault.CodeProviderDown, "down")
	finish(t, service, id)
	s.down, s.record.LegalRep = nil, "李四"
	m, err := service.Recheck(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, merchant.StepRejected, m.Steps[merchant.StepLegalRep].State)
	require.Equal(t, merchant.StepLegalRep, m.Next())
}

func TestRefusedLicenceLeavesNothingToAskAboutUntilANewOneIsGiven(t *testing.T) {
	t.Parallel()
	service, s, id := newService(t)
	s.down = fault.New(fault.Unavailable, fault.CodeProviderDown, "down")
	m := finish(t, service, id)
	require.True(t, m.Checking())
	s.down, s.record.Status = nil, evidence.RegistryRevoked
	m, err := service.Recheck(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, merchant.StepRejected, m.Steps[merchant.StepLicence].State)
	require.Equal(t, merchant.StepChecking, m.Steps[merchant.StepLegalRep].State, "nothing to hold the name against")
	require.False(t, m.Checking(), "the merchant must act; asking again brings nothing")
	require.Equal(t, merchant.StepLicence, m.Next())

	s.record.Status = evidence.RegistryActive
	m, err = service.SubmitLicence(t.Context(), id, "91330100799655058B")
	require.NoError(t, err)
	require.True(t, m.Checking())
	m, err = service.Recheck(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, merchant.Active, m.State)
}

func TestNewLicenceIsHeldAgainstThePersonGivenBefore(t *testing.T) {
	t.Parallel()
	service, s, id := newService(t)
	_, err := service.SubmitLicence(t.Context(), id, licence)
	require.NoError(t, err)
	_, err = service.SubmitLegalRep(t.Context(), id, rep, identity)
	require.NoError(t, err)
	_, err = service.SubmitPayout(t.Context(), id, "wallet", account)
	require.NoError(t, err)
	s.record.LegalRep = "李四"
	m, err := service.SubmitLicence(t.Context(), id, "91330100799655058B")
	require.NoError(t, err)
	require.Equal(t, merchant.StepChecking, m.Steps[merchant.StepPayout].State)
	m, err = service.GiveConsents(t.Context(), id, merchant.ConsentVersion, "en", all)
	require.NoError(t, err)
	require.Equal(t, merchant.Registering, m.State, "one person's licence, another's account")
	m, err = service.Recheck(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, merchant.StepRejected, m.Steps[merchant.StepLegalRep].State)
	require.Equal(t, merchant.CodeNotLegalRep, m.Steps[merchant.StepLegalRep].Code)
	require.False(t, m.Checking())

	m, err = service.SubmitLegalRep(t.Context(), id, "李四", "440524188001010014")
	require.NoError(t, err)
	require.True(t, m.Checking(), "the account has not been held against the new person")
	m, err = service.Recheck(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, merchant.Active, m.State)
	require.Equal(t, "李四", m.Payout.Holder.Reveal())
}

func TestStepsAreTakenInOrder(t *testing.T) {
	t.Parallel()
	service, _, id := newService(t)
	_, err := service.SubmitPayout(t.Context(), id, "wallet", account)
	require.Equal(t, merchant.CodeStepOrder, fault.CodeOf(err))
	_, err = service.SubmitLegalRep(t.Context(), id, rep, identity)
	require.Equal(t, merchant.CodeStepOrder, fault.CodeOf(err))
}

func TestConsentsAreOfTheWordingShown(t *testing.T) {
	t.Parallel()
	service, _, id := newService(t)
	_, err := service.GiveConsents(t.Context(), id, "2020-01", "en", all)
	require.Equal(t, merchant.CodeConsentVersion, fault.CodeOf(err))
	_, err = service.GiveConsents(t.Context(), id, merchant.ConsentVersion, "en", []evidence.Source{"horoscope"})
	require.Equal(t, merchant.CodeConsentSource, fault.CodeOf(err))
	_, err = service.GiveConsents(t.Context(), id, merchant.ConsentVersion, "en", []evidence.Source{evidence.Bank})
	require.Equal(t, fault.Invalid, fault.KindOf(err)) // registry and bureau are needed for any decision
}

func TestWithdrawnConsentCanBeGivenAgain(t *testing.T) {
	t.Parallel()
	service, _, id := newService(t)
	finish(t, service, id)
	m, err := service.WithdrawConsent(t.Context(), id, evidence.Bank)
	require.NoError(t, err)
	require.False(t, m.Consented(evidence.Bank))
	m, err = service.GiveConsents(t.Context(), id, merchant.ConsentVersion, "en", []evidence.Source{evidence.Bank})
	require.NoError(t, err)
	require.True(t, m.Consented(evidence.Bank))
	require.Equal(t, merchant.Active, m.State)
}

func TestSecretsPrintAsNothing(t *testing.T) {
	t.Parallel()
	secret := merchant.Secret(identity)
	require.NotContains(t, secret.String()+secret.LogValue().String(), identity)
	require.Equal(t, identity, secret.Reveal())
}
