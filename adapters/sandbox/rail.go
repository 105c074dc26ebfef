package sandbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"loan310/app/ident"
	"loan310/app/money"
)

// rail is the payout gateway: Alipay's open gateway, as far as the adapter
// uses it. It verifies and signs by its own code, not by the adapter's.
type rail struct {
	core    *core
	app     *rsa.PublicKey  // verifies requests
	private *rsa.PrivateKey // signs answers
}

// railFields are an answer's fields.
type railFields map[string]any

// newRail makes the gateway. Without usable keys it refuses every request.
func newRail(c *core) http.Handler {
	r := &rail{core: c}
	var err error
	if r.app, r.private, err = railKeys(c.secrets); err != nil {
		c.logger.Error("sandbox rail has no keys", slog.Any("error", err))
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			problem(w, http.StatusInternalServerError, "rail_has_no_keys")
		})
	}
	return http.HandlerFunc(r.serve)
}

func railKeys(secrets Secrets) (*rsa.PublicKey, *rsa.PrivateKey, error) {
	publicBlock, _ := pem.Decode([]byte(secrets.AppPublicKey))
	privateBlock, _ := pem.Decode([]byte(secrets.RailPrivateKey))
	if publicBlock == nil || privateBlock == nil {
		return nil, nil, errors.New("keys are not pem")
	}
	public, err := x509.ParsePKIXPublicKey(publicBlock.Bytes)
	if err != nil {
		return nil, nil, errors.New("app public key is not pkix")
	}
	private, err := x509.ParsePKCS8PrivateKey(privateBlock.Bytes)
	if err != nil {
		return nil, nil, errors.New("rail private key is not pkcs #8")
	}
	app, okPublic := public.(*rsa.PublicKey)
	own, okPrivate := private.(*rsa.PrivateKey)
	if !okPublic || !okPrivate {
		return nil, nil, errors.New("keys are not rsa keys")
	}
	return app, own, nil
}

func (r *rail) serve(w http.ResponseWriter, request *http.Request) {
	if request.Method == http.MethodGet && request.URL.Path == billPath {
		r.bill(w, request)
		return
	}
	if request.Method != http.MethodPost || request.ParseForm() != nil {
		problem(w, http.StatusBadRequest, "not_a_form_post")
		return
	}
	form := request.PostForm
	method := form.Get("method")
	if subCode := r.refusal(form); subCode != "" {
		r.reply(w, "error_response", railFields{"code": "40002", "msg": "Invalid Arguments", "sub_code": subCode})
		return
	}
	drawn := drawOf(request)
	fields, err := r.do(method, form.Get("biz_content"), request.Host, drawn)
	if moves := method == methodTransfer || method == methodTrade; moves && drawn.loseAnswer {
		drop(w)
		return
	}
	if err != nil { // the rail's own book failed it
		fields = railFields{"code": "20000", "msg": "Service Currently Unavailable", "sub_code": "isp.unknow-error"}
	}
	r.reply(w, strings.ReplaceAll(method, ".", "_")+"_response", fields)
}

// Methods that move money.
const (
	methodTransfer = "alipay.fund.trans.uni.transfer"
	methodTrade    = "alipay.trade.pay"
)

// do answers one method.
func (r *rail) do(method, content, host string, drawn draw) (railFields, error) {
	switch method {
	case methodTransfer:
		return r.transfer(content, drawn)
	case "alipay.fund.trans.common.query":
		return r.query(content)
	case "alipay.user.agreement.query":
		return r.agreement(content), nil
	case methodTrade:
		return r.trade(content, drawn)
	case "alipay.trade.query":
		return r.tradeQuery(content)
	case "alipay.data.dataservice.bill.downloadurl.query":
		return r.billURL(content, host), nil
	default:
		return railFields{"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.invalid-method"}, nil
	}
}

// refusal checks the common parameters and gives the sub code of the first
// that is wrong.
func (r *rail) refusal(form url.Values) string {
	sent, err := time.ParseInLocation(time.DateTime, form.Get("timestamp"), time.FixedZone("CST", 8*3600))
	switch {
	case form.Get("app_id") != r.core.secrets.AppID:
		return "isv.invalid-app-id"
	case form.Get("sign_type") != "RSA2":
		return "isv.invalid-signature-type"
	case !strings.EqualFold(form.Get("charset"), "utf-8"):
		return "isv.invalid-charset"
	case !r.signed(form):
		return "isv.invalid-signature"
	case err != nil || r.core.clock().Sub(sent).Abs() > maxSkew:
		return "isv.invalid-timestamp"
	default:
		return ""
	}
}

func (r *rail) signed(form url.Values) bool {
	names := slices.Sorted(maps.Keys(form))
	var covered strings.Builder
	for _, name := range names {
		value := form.Get(name)
		if name == "sign" || value == "" {
			continue
		}
		if covered.Len() > 0 {
			covered.WriteByte('&')
		}
		covered.WriteString(name + "=" + value)
	}
	sign, err := base64.StdEncoding.DecodeString(form.Get("sign"))
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(covered.String()))
	return rsa.VerifyPKCS1v15(r.app, crypto.SHA256, sum[:], sign) == nil
}

func (r *rail) transfer(content string, drawn draw) (railFields, error) {
	var asked struct {
		OutBizNo    string `json:"out_biz_no"`
		TransAmount string `json:"trans_amount"`
		ProductCode string `json:"product_code"`
		BizScene    string `json:"biz_scene"`
		OrderTitle  string `json:"order_title"`
		Payee       struct {
			Identity     string `json:"identity"`
			IdentityType string `json:"identity_type"`
			Name         string `json:"name"`
		} `json:"payee_info"`
	}
	readable := json.Unmarshal([]byte(content), &asked) == nil
	amount, badAmount := money.Parse(asked.TransAmount)
	usable := badAmount == nil && amount > 0
	if !readable || !usable || asked.OutBizNo == "" || len(asked.OutBizNo) > 64 ||
		asked.ProductCode != "TRANS_ACCOUNT_NO_PWD" || asked.BizScene != "DIRECT_TRANSFER" {
		return railFields{"code": "40004", "msg": "Business Failed", "sub_code": "INVALID_PARAMETER"}, nil
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		asked.OutBizNo, amount.String(), asked.Payee.Identity, asked.Payee.IdentityType, asked.Payee.Name,
	}, "\x00")))
	entry, consistent, err := r.core.rail.transfer(instruction{
		outBizNo: asked.OutBizNo, amount: amount, hash: hex.EncodeToString(sum[:]),
		refusal: r.payeeRefusal(asked.Payee.Identity, asked.Payee.Name),
	}, drawn)
	switch {
	case err != nil:
		return nil, err
	case !consistent:
		return railFields{"code": "40004", "msg": "Business Failed", "sub_code": "PAYMENT_INFO_INCONSISTENCY"}, nil
	case entry.Refused:
		return railFields{"code": "40004", "msg": "Business Failed", "sub_code": entry.Code}, nil
	default:
		return railStatus(entry), nil
	}
}

// payeeRefusal gives the sub code for a payee that cannot be paid.
func (r *rail) payeeRefusal(account, name string) string {
	candidates := r.core.merchantsByAccount(account)
	if len(candidates) == 0 {
		_, err := ident.Card(account)
		if r.core.rail.payees == PayeesBook || err != nil {
			return "PAYEE_NOT_EXIST"
		}
		return ""
	}
	for _, m := range candidates {
		if holds(m, name) {
			return ""
		}
	}
	return "PAYEE_USER_INFO_ERROR"
}

func (r *rail) query(content string) (railFields, error) {
	var asked struct {
		OutBizNo string `json:"out_biz_no"`
	}
	readable := json.Unmarshal([]byte(content), &asked) == nil
	if !readable || asked.OutBizNo == "" {
		return railFields{"code": "40004", "msg": "Business Failed", "sub_code": "INVALID_PARAMETER"}, nil
	}
	entry, known, err := r.core.rail.query(asked.OutBizNo)
	if err != nil {
		return nil, err
	}
	if !known {
		return railFields{"code": "40004", "msg": "Business Failed", "sub_code": "ORDER_NOT_EXIST"}, nil
	}
	return railStatus(entry), nil
}

func railStatus(entry RailEntry) railFields {
	zone := time.FixedZone("CST", 8*3600)
	fields := railFields{
		"code": "10000", "msg": "Success",
		"out_biz_no": entry.OutBizNo, "order_id": entry.OrderID, "pay_fund_order_id": entry.OrderID + "F",
		"trans_amount": entry.Amount.String(),
	}
	switch entry.State {
	case TransferPaid:
		fields["status"] = "SUCCESS"
		fields["trans_date"] = entry.PaidAt.In(zone).Format(time.DateTime)
		fields["pay_date"] = fields["trans_date"]
	case TransferFailed:
		fields["status"] = "FAIL"
		fields["sub_code"], fields["error_code"] = entry.Code, entry.Code
		fields["fail_reason"] = "refused by the sandbox"
	case TransferRefunded:
		fields["status"], fields["error_code"] = "REFUND", entry.Code
	case TransferPending:
		fields["status"] = "DEALING"
	}
	return fields
}

// reply signs the raw object and sends it.
func (r *rail) reply(w http.ResponseWriter, name string, fields railFields) {
	raw, err := json.Marshal(fields)
	if err != nil {
		problem(w, http.StatusInternalServerError, "answer_not_encoded")
		return
	}
	sum := sha256.Sum256(raw)
	sign, err := rsa.SignPKCS1v15(nil, r.private, crypto.SHA256, sum[:])
	if err != nil {
		problem(w, http.StatusInternalServerError, "answer_not_signed")
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	//nolint:gosec // JSON by its content type, and name is one of ours
	_, _ = w.Write([]byte(`{"` + name + `":` + string(raw) + `,"sign":"` + base64.StdEncoding.EncodeToString(sign) + `"}`))
}
