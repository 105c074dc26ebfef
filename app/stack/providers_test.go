package stack_test

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/adapters/payout"
	"loan310/adapters/sandbox"
	"loan310/app/fault"
	"loan310/app/stack"
)

// sound is a configuration of which nothing is missing.
func sound(t *testing.T) stack.Config {
	t.Helper()
	keys, err := stack.GenerateKeys(false)
	require.NoError(t, err)
	urls := map[string]string{}
	for _, kind := range sandbox.Kinds() {
		urls[kind] = "http://" + kind
	}
	secrets := sandbox.Secrets{
		AppID: "app", AppPrivateKey: "private", RailPublicKey: "public",
		KeyIDs: map[string]string{sandbox.Logistics: "customer"}, Keys: map[string]string{sandbox.Logistics: "secret"},
	}
	return stack.Config{Database: "sqlite:///x", Keys: keys, Providers: stack.SandboxProviders(urls, secrets)}
}

func TestCheckNamesWhatProvidersLack(t *testing.T) {
	t.Parallel()
	require.NoError(t, sound(t).Check())
	milliseconds := func(n int) *int { return &n }
	kind := func(name string, change func(*stack.Provider)) func(*stack.Config) {
		return func(c *stack.Config) {
			c.Providers.Kinds = maps.Clone(c.Providers.Kinds)
			at := c.Providers.Kinds[name]
			change(&at)
			c.Providers.Kinds[name] = at
		}
	}
	for name, c := range map[string]struct {
		change func(*stack.Config)
		says   string
	}{
		"no payout at all":      {func(c *stack.Config) { c.Providers.Payout = stack.PayoutProvider{} }, "the payout rail lacks url, app_id, app_private_key, rail_public_key: give them under payout"},
		"no app id":             {func(c *stack.Config) { c.Providers.Payout.AppID = " " }, "the payout rail lacks app_id:"},
		"half a certificate":    {func(c *stack.Config) { c.Providers.Payout.RootCertSN = "x" }, "certificate mode needs both"},
		"reports of no scene":   {func(c *stack.Config) { c.Providers.Payout.SceneReports = []payout.SceneReport{{}} }, "scene_reports without a scene_name"},
		"no kuaidi100":          {kind("kuaidi100", func(p *stack.Provider) { p.URL = "" }), "no address of provider kuaidi100"},
		"kuaidi100 without key": {kind("kuaidi100", func(p *stack.Provider) { p.Key = "" }), "no credentials of provider kuaidi100"},
		"a hedged report":       {kind("bureau", func(p *stack.Provider) { p.HedgeAfterMS = milliseconds(100) }), "hedge_after_ms of provider bureau: only marketplace, logistics, bank, utility, registry"},
		"time running backward": {kind("bank", func(p *stack.Provider) { p.HedgeAfterMS = milliseconds(-1) }), "hedge_after_ms of provider bank is negative"},
		"a certificate alone":   {func(c *stack.Config) { c.TemporalAccess.Cert = "x.pem" }, "one of --temporal-cert and --temporal-key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := sound(t)
			c.change(&config)
			err := config.Check()
			require.ErrorContains(t, err, c.says)
			require.Equal(t, stack.CodeUnsafe, fault.CodeOf(err))
		})
	}
}

func TestReadsAreHedgedByKind(t *testing.T) {
	t.Parallel()
	var providers stack.Providers
	require.NoError(t, json.Unmarshal([]byte(`{"kinds": {"bank": {"hedge_after_ms": 1500}, "registry": {}, "logistics": {"hedge_after_ms": 0}},
		"payout": {"scene_name": "s", "scene_reports": [{"info_type": "t", "info_content": "c"}]}}`), &providers))
	require.Equal(t, 1500*time.Millisecond, providers.HedgeAfter("bank"))
	require.Equal(t, 800*time.Millisecond, providers.HedgeAfter("registry"), "the default")
	require.Zero(t, providers.HedgeAfter("logistics"))
	require.Zero(t, providers.HedgeAfter("marketplace"))
	require.Equal(t, []payout.SceneReport{{Type: "t", Content: "c"}}, providers.Payout.SceneReports)
	require.NoError(t, json.Unmarshal([]byte(`{"kinds": {"registry": {"hedge_after_ms": 0}}}`), &providers))
	require.Zero(t, providers.HedgeAfter("registry"), "switched off")
}

func TestSandboxAnswersForKuaidi100OnTheLogisticsServer(t *testing.T) {
	t.Parallel()
	kinds := sound(t).Providers.Kinds
	require.Equal(t, stack.Provider{URL: "http://logistics", KeyID: "customer", Key: "secret"}, kinds["kuaidi100"])
	require.Len(t, kinds, len(sandbox.Kinds()), "all but the rail, and kuaidi100")
}
