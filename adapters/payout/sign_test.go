package payout_test

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/adapters/payout"
	"loan310/adapters/sandbox/sandboxtest"
	"loan310/app/drawdown"
	"loan310/app/fault"
)

func railPrivate(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := payout.ParsePrivateKey(sandboxtest.Secrets().RailPrivateKey)
	require.NoError(t, err)
	return key
}

func TestCanonicalSortsByNameAndLeavesOutEmptyAndSign(t *testing.T) {
	t.Parallel()
	require.Equal(t, `a=1&a1=2&a_b=3&biz_content={"x":"é&="}&sign_type=RSA2`, payout.Canonical(url.Values{
		"sign": {"xxx"}, "sign_type": {"RSA2"}, "empty": {""}, "biz_content": {`{"x":"é&="}`},
		"a_b": {"3"}, "a1": {"2"}, "a": {"1"},
	}))
}

// The vector was made with openssl dgst -sha256 -sign testdata/key.pem.
func TestSignVector(t *testing.T) {
	t.Parallel()
	pem, err := os.ReadFile("testdata/key.pem")
	require.NoError(t, err)
	text, err := os.ReadFile("testdata/canonical.txt")
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/signature.txt")
	require.NoError(t, err)
	key, err := payout.ParsePrivateKey(string(pem))
	require.NoError(t, err)
	got, err := payout.Sign(key, text)
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(want)), got)
	require.True(t, payout.Verify(&key.PublicKey, text, got))
	require.False(t, payout.Verify(&key.PublicKey, append(text, ' '), got))
	require.False(t, payout.Verify(&key.PublicKey, text, "not base64!"))

	var bare []string // the form in which the gateway's console shows keys
	for line := range strings.Lines(string(pem)) {
		if !strings.HasPrefix(line, "-----") {
			bare = append(bare, line)
		}
	}
	same, err := payout.ParsePrivateKey(strings.Join(bare, ""))
	require.NoError(t, err)
	require.True(t, same.Equal(key))
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "!!!", "AAAA", sandboxtest.Secrets().RailPublicKey} {
		_, err := payout.ParsePrivateKey(text)
		require.Error(t, err)
	}
	for _, text := range []string{"", "!!!", "AAAA", sandboxtest.Secrets().RailPrivateKey} {
		_, err := payout.ParsePublicKey(text)
		require.Error(t, err)
	}
}

const done = `{"code":"10000","out_biz_no":"d1:payout","order_id":"42","status":"SUCCESS","trans_amount":"1234.56"}`

// TestAnswers plays a gateway that says what it likes, correctly signed unless
// the case says otherwise.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const name = "alipay_fund_trans_uni_transfer_response"
	signed := func(t *testing.T, member, raw string) string {
		t.Helper()
		sign, err := payout.Sign(railPrivate(t), []byte(raw))
		require.NoError(t, err)
		return `{"` + member + `":` + raw + `,"sign":"` + sign + `"}`
	}
	tests := map[string]struct {
		raw   string
		body  func(t *testing.T, raw string) string
		state drawdown.RailState
		code  fault.Code
	}{
		"paid": {raw: done, state: drawdown.RailPaid},
		"spaces, nested braces and escapes are part of what is signed": {
			raw:   "{ \"msg\" : \"a } \\\" ,\\\"sign\\\":\\\"x\\\" { \\u4e2d \\/ \" , \"ext\":{\"sign\":{\"a\":[1, 2]}},\n" + done[1:],
			state: drawdown.RailPaid,
		},
		"the signature may come first": {
			raw: done, state: drawdown.RailPaid,
			body: func(t *testing.T, raw string) string {
				t.Helper()
				whole := signed(t, name, raw)
				at := strings.LastIndex(whole, `,"sign"`)
				return "{" + whole[at+1:len(whole)-1] + "," + whole[1:at] + "}"
			},
		},
		"a changed byte": {
			raw: done, code: payout.CodeBadSignature,
			body: func(t *testing.T, raw string) string {
				t.Helper()
				return strings.Replace(signed(t, name, raw), "SUCCESS", "DEALING", 1)
			},
		},
		"the same value spelt otherwise": {
			raw: done, code: payout.CodeBadSignature,
			body: func(t *testing.T, raw string) string {
				t.Helper()
				return strings.Replace(signed(t, name, raw), `"42"`, ` "42"`, 1)
			},
		},
		"no signature": {
			raw: done, code: payout.CodeBadSignature,
			body: func(_ *testing.T, raw string) string { return `{"` + name + `":` + raw + `}` },
		},
		"the answer to another method": {
			raw: done, code: httpx.CodeMalformed,
			body: func(t *testing.T, raw string) string {
				t.Helper()
				return signed(t, "alipay_fund_trans_common_query_response", raw)
			},
		},
		"not json":          {raw: done, code: httpx.CodeMalformed, body: func(*testing.T, string) string { return "<html>busy</html>" }},
		"other field types": {raw: `{"code":10000}`, code: httpx.CodeMalformed},
		"error_response": {
			raw: `{"code":"40002","sub_code":"isv.invalid-signature"}`, code: payout.CodeRailConfig,
			body: func(t *testing.T, raw string) string {
				t.Helper()
				return signed(t, "error_response", raw)
			},
		},
		"another reference":             {raw: strings.Replace(done, "d1:", "d2:", 1), code: payout.CodeOtherPayout},
		"no reference":                  {raw: `{"code":"10000","status":"SUCCESS"}`, code: payout.CodeOtherPayout},
		"another amount":                {raw: strings.Replace(done, "1234.56", "1234.57", 1), code: payout.CodeOtherPayout},
		"an amount that is none":        {raw: strings.Replace(done, "1234.56", "lots", 1), code: payout.CodeOtherPayout},
		"no amount, as the rail may":    {raw: `{"code":"10000","out_biz_no":"d1:payout","status":"SUCCESS"}`, state: drawdown.RailPaid},
		"dealing":                       {raw: strings.Replace(done, "SUCCESS", "DEALING", 1), state: drawdown.RailPending},
		"fail":                          {raw: strings.Replace(done, "SUCCESS", "FAIL", 1), state: drawdown.RailFailed},
		"refund":                        {raw: strings.Replace(done, "SUCCESS", "REFUND", 1), state: drawdown.RailReturned},
		"a status nobody knows":         {raw: strings.Replace(done, "SUCCESS", "MAYBE", 1), code: payout.CodeUnclear},
		"an unreadable date":            {raw: strings.Replace(done, `"status"`, `"pay_date":"soon","status"`, 1), code: httpx.CodeMalformed},
		"service unavailable":           {raw: `{"code":"20000","sub_code":"isp.unknow-error"}`, code: payout.CodeRailSystem},
		"system error":                  {raw: `{"code":"40004","sub_code":"SYSTEM_ERROR"}`, code: payout.CodeRailSystem},
		"system error of a sub system":  {raw: `{"code":"40004","sub_code":"ACQ.SYSTEM_ERROR"}`, code: payout.CodeRailSystem},
		"a refusal that we know":        {raw: `{"code":"40004","sub_code":"PAYEE_NOT_EXIST"}`, state: drawdown.RailFailed},
		"a refusal that we do not know": {raw: `{"code":"40004","sub_code":"REQUEST_PROCESSING"}`, code: payout.CodeUnclear},
		"a reference used before":       {raw: `{"code":"40004","sub_code":"PAYMENT_INFO_INCONSISTENCY"}`, code: payout.CodeInconsistent},
		"no such order, to a transfer":  {raw: `{"code":"40004","sub_code":"ORDER_NOT_EXIST"}`, code: payout.CodeUnclear},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			body := signed(t, name, test.raw)
			if test.body != nil {
				body = test.body(t, test.raw)
			}
			gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var content map[string]any
				if r.ParseForm() != nil || json.Unmarshal([]byte(r.PostForm.Get("biz_content")), &content) != nil || r.URL.RawQuery != "" {
					t.Error("not a form post with json content")
				}
				_, _ = w.Write([]byte(body))
			}))
			t.Cleanup(gateway.Close)
			rail := newRail(t, gateway.URL+"/gateway.do", sandboxtest.Guard(breaker.Settings{Name: "payout"}))
			receipt, err := rail.Pay(t.Context(), instruction())
			if test.code != "" {
				require.Equal(t, test.code, fault.CodeOf(err))
				require.Equal(t, fault.Unavailable, fault.KindOf(err))
				require.NotErrorIs(t, err, drawdown.ErrNotSent)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.state, receipt.State)
			require.False(t, receipt.At.IsZero())
		})
	}
}
