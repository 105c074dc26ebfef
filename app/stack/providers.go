package stack

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/payout"
	"loan310/adapters/sandbox"
	"loan310/app/drawdown"
)

// Kuaidi100 is the kind of provider that answers for single waybills. In the
// sandbox it stands on the logistics server.
const Kuaidi100 = "kuaidi100"

// registryHedge is when an unanswered lookup of a licence is made a second
// time, where the file does not say: it costs nothing, is one small record,
// and every application waits for it.
const registryHedge = 800 * time.Millisecond

// Provider is how one external source is reached.
type Provider struct {
	URL   string `json:"url"`
	Token string `json:"token,omitempty"`
	KeyID string `json:"key_id,omitempty"`
	Key   string `json:"key,omitempty"`
	// HedgeAfterMS starts a second attempt of a read that is not answered by
	// then; 0 = never. Absent means the default of its kind: 800 for the
	// registry, never for others.
	HedgeAfterMS *int `json:"hedge_after_ms,omitempty"`
}

// PayoutProvider is how the payout rail is reached.
type PayoutProvider struct {
	URL           string `json:"url"`
	AppID         string `json:"app_id"`
	AppPrivateKey string `json:"app_private_key"` // PKCS #8 PEM
	RailPublicKey string `json:"rail_public_key"` // PKIX PEM
	// AppCertSN and RootCertSN turn on certificate mode, together.
	AppCertSN  string `json:"app_cert_sn,omitempty"`
	RootCertSN string `json:"root_cert_sn,omitempty"`
	// IdentityType says what accounts are. Empty means ALIPAY_LOGON_ID.
	IdentityType string `json:"identity_type,omitempty"`
	// SceneName and SceneReports say what transfers are for. Empty means not
	// sent.
	SceneName    string               `json:"scene_name,omitempty"`
	SceneReports []payout.SceneReport `json:"scene_reports,omitempty"`
	// DebitScene is what agreements to be debited are signed for, as agreed
	// with the gateway. Empty means INDUSTRY|LOAN.
	DebitScene string `json:"debit_scene,omitempty"`
}

// Providers are all external sources, by kind.
type Providers struct {
	Sandbox bool                `json:"sandbox"` // simulated; refused in production
	Kinds   map[string]Provider `json:"kinds"`   // marketplace, logistics, kuaidi100, bank, utility, bureau, registry, identity, notify
	Payout  PayoutProvider      `json:"payout"`
	// BankRail pays by files. Nil means that bank accounts are paid over the
	// gateway too.
	BankRail *BankRailProvider `json:"bank_rail,omitempty"`
	// Payouts are the rules of both rails.
	Payouts PayoutRules `json:"payouts,omitzero"`
}

// BankRailProvider is how the bank that takes files is reached.
type BankRailProvider struct {
	Dir            string `json:"dir"` // holds outbox, inbox and state
	DebtorName     string `json:"debtor_name"`
	DebtorAccount  string `json:"debtor_account"`
	ClearingMember string `json:"clearing_member"`           // the bank's number
	ClearingSystem string `json:"clearing_system,omitempty"` // absent: CNAPS
}

// PayoutRules bound what the rails send.
type PayoutRules struct {
	// Limits are by rail, wallet or bank; a rail not named has none.
	Limits map[string]PayoutLimit `json:"limits,omitempty"`
	// NoFailOver keeps payouts of the wallet from going to the bank.
	NoFailOver bool `json:"no_fail_over,omitempty"`
	// HandOverHours is how long a payout may be unknown before a person looks
	// after it. 0 means 20.
	HandOverHours int `json:"hand_over_hours,omitempty"`
}

// PayoutLimit bounds one rail's day; 0 = no bound.
type PayoutLimit struct {
	AmountFen int64 `json:"amount_fen,omitempty"`
	Count     int   `json:"count,omitempty"`
}

func (p Providers) wrongPayouts() []string {
	var wrong []string
	for rail, limit := range p.Payouts.Limits {
		if rail != drawdown.RailWallet && rail != drawdown.RailBank {
			wrong = append(wrong, fmt.Sprintf("payouts.limits of %q: there are the rails wallet and bank", rail))
		}
		if limit.AmountFen < 0 || limit.Count < 0 {
			wrong = append(wrong, "payouts.limits of "+rail+" is negative: give fen and a count, or 0 for no bound")
		}
	}
	if p.Payouts.HandOverHours < 0 {
		wrong = append(wrong, "payouts.hand_over_hours is negative")
	}
	if b := p.BankRail; b != nil && (b.Dir == "" || b.DebtorName == "" || b.DebtorAccount == "" || b.ClearingMember == "") {
		wrong = append(wrong, "bank_rail needs dir, debtor_name, debtor_account and clearing_member in --providers FILE")
	}
	return wrong
}

// LogValue keeps credentials out of logs.
func (Providers) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// SandboxProviders points every adapter at a running sandbox.
func SandboxProviders(urls map[string]string, secrets sandbox.Secrets) Providers {
	providers := Providers{Sandbox: true, Kinds: map[string]Provider{}}
	for _, kind := range readKinds() {
		at := kind
		if kind == Kuaidi100 {
			at = sandbox.Logistics
		}
		providers.Kinds[kind] = Provider{URL: urls[at], Token: secrets.Tokens[at], KeyID: secrets.KeyIDs[at], Key: secrets.Keys[at]}
	}
	providers.Payout = PayoutProvider{
		URL: urls[sandbox.Payout], AppID: secrets.AppID, AppPrivateKey: secrets.AppPrivateKey, RailPublicKey: secrets.RailPublicKey,
	}
	return providers
}

// readKinds are the kinds under "kinds": all but the rail.
func readKinds() []string {
	kinds := slices.DeleteFunc(sandbox.Kinds(), func(kind string) bool { return kind == sandbox.Payout })
	return append(kinds, Kuaidi100)
}

// hedgeable are the kinds whose reads may be made twice: they cost no fee and
// change nothing.
func hedgeable() []string {
	return []string{sandbox.Marketplace, sandbox.Logistics, sandbox.Bank, sandbox.Utility, sandbox.Registry}
}

// guard gives the settings that the file leaves to each kind.
func (p Providers) guard(kind string) breaker.Settings {
	settings := breaker.Settings{Name: kind}
	switch after := p.Kinds[kind].HedgeAfterMS; {
	case after != nil:
		settings.HedgeAfter = time.Duration(*after) * time.Millisecond
	case kind == sandbox.Registry:
		settings.HedgeAfter = registryHedge
	}
	return settings
}

// wrong lists what is missing or cannot be.
func (p Providers) wrong() []string {
	var wrong []string
	for _, kind := range readKinds() {
		at := p.Kinds[kind]
		if at.URL == "" {
			wrong = append(wrong, "no address of provider "+kind+": give it in --providers FILE")
			continue
		}
		if kind == Kuaidi100 && (at.KeyID == "" || at.Key == "") {
			wrong = append(wrong, "no credentials of provider kuaidi100: give key_id (the customer) and key in --providers FILE")
		}
		if at.HedgeAfterMS == nil {
			continue
		}
		if *at.HedgeAfterMS < 0 {
			wrong = append(wrong, "hedge_after_ms of provider "+kind+" is negative: give milliseconds, or 0 for never")
		}
		if !slices.Contains(hedgeable(), kind) {
			wrong = append(wrong, fmt.Sprintf("hedge_after_ms of provider %s: only %s may be asked twice", kind, strings.Join(hedgeable(), ", ")))
		}
	}
	return append(append(wrong, p.wrongPayouts()...), p.Payout.wrong()...)
}

func (p PayoutProvider) wrong() []string {
	var missing []string
	for _, setting := range []struct{ name, value string }{
		{"url", p.URL}, {"app_id", p.AppID}, {"app_private_key", p.AppPrivateKey}, {"rail_public_key", p.RailPublicKey},
	} {
		if strings.TrimSpace(setting.value) == "" {
			missing = append(missing, setting.name)
		}
	}
	var wrong []string
	if len(missing) > 0 {
		wrong = append(wrong, "the payout rail lacks "+strings.Join(missing, ", ")+": give them under payout in --providers FILE")
	}
	if (p.AppCertSN == "") != (p.RootCertSN == "") {
		wrong = append(wrong, "payout has one of app_cert_sn and root_cert_sn: certificate mode needs both")
	}
	if p.SceneName == "" && len(p.SceneReports) > 0 {
		wrong = append(wrong, "payout has scene_reports without a scene_name")
	}
	return wrong
}
