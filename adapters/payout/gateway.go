package payout

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"loan310/adapters/httpx"
	"loan310/app/drawdown"
	"loan310/app/fault"
)

// The gateway's methods.
const (
	methodTransfer = "alipay.fund.trans.uni.transfer"
	methodQuery    = "alipay.fund.trans.common.query"
)

// Fixed words of a transfer from a business to one person.
const (
	productCode = "TRANS_ACCOUNT_NO_PWD"
	bizScene    = "DIRECT_TRANSFER"
)

// Codes of answers that settle nothing.
const (
	CodeBadSignature fault.Code = "payout_answer_not_signed"    // not the rail's word
	CodeOtherPayout  fault.Code = "payout_answer_other_payout"  // another reference or amount
	CodeInconsistent fault.Code = "payout_reference_reused"     // the rail knows the reference with other content
	CodeUnclear      fault.Code = "payout_answer_unclear"       // a code that does not say what happened
	CodeRailSystem   fault.Code = "payout_rail_error"           // the rail's own system error
	CodeRailConfig   fault.Code = "payout_credentials_refused"  // app id, key, method or permission
	CodeInstruction  fault.Code = "payout_instruction_unusable" // reference, amount, account or holder missing
)

type transferContent struct {
	OutBizNo     string        `json:"out_biz_no"`
	TransAmount  string        `json:"trans_amount"` // yuan, two decimals
	ProductCode  string        `json:"product_code"`
	BizScene     string        `json:"biz_scene"`
	OrderTitle   string        `json:"order_title"`
	Remark       string        `json:"remark,omitempty"` // asked for from 50,000 yuan on
	Payee        payeeInfo     `json:"payee_info"`
	SceneName    string        `json:"transfer_scene_name,omitempty"`
	SceneReports []SceneReport `json:"transfer_scene_report_infos,omitempty"`
}

type payeeInfo struct {
	Identity     string `json:"identity"`
	IdentityType string `json:"identity_type"`
	Name         string `json:"name"`
}

type queryContent struct {
	OutBizNo    string `json:"out_biz_no"`
	ProductCode string `json:"product_code"`
	BizScene    string `json:"biz_scene"`
}

// reply is the union of what all methods answer.
type reply struct {
	Code        string `json:"code"`
	SubCode     string `json:"sub_code"`
	OutBizNo    string `json:"out_biz_no"`
	OrderID     string `json:"order_id"`
	Status      string `json:"status"`
	TransAmount string `json:"trans_amount"`
	TransDate   string `json:"trans_date"`
	PayDate     string `json:"pay_date"`
	ErrorCode   string `json:"error_code"`
	BillURL     string `json:"bill_download_url"`
	// Of debits.
	AgreementNo string `json:"agreement_no"`
	OutTradeNo  string `json:"out_trade_no"`
	TradeNo     string `json:"trade_no"`
	TotalAmount string `json:"total_amount"`
	TradeStatus string `json:"trade_status"`
	GmtPayment  string `json:"gmt_payment"`
	SendPayDate string `json:"send_pay_date"`
}

func (r *Rail) transferForm(told drawdown.Instruction) (url.Values, error) {
	if told.Key == "" || told.Amount <= 0 || told.Account == "" || told.Holder == "" {
		return nil, fault.New(fault.Invalid, CodeInstruction, "payout: reference, amount, account and holder are needed")
	}
	return r.form(methodTransfer, transferContent{
		OutBizNo: told.Key, TransAmount: told.Amount.String(), ProductCode: productCode, BizScene: bizScene,
		OrderTitle: told.Title, Remark: told.Title,
		Payee:        payeeInfo{Identity: told.Account, IdentityType: r.options.IdentityType, Name: told.Holder},
		SceneName:    r.options.SceneName,
		SceneReports: r.options.SceneReports,
	})
}

func (r *Rail) queryForm(key string) (url.Values, error) {
	if key == "" {
		return nil, fault.New(fault.Invalid, CodeInstruction, "payout: a reference is needed")
	}
	return r.form(methodQuery, queryContent{OutBizNo: key, ProductCode: productCode, BizScene: bizScene})
}

// form is a signed request.
func (r *Rail) form(method string, content any) (url.Values, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("payout: encoding a request: %w", err)
	}
	form := url.Values{}
	for name, value := range map[string]string{
		"app_id": r.options.AppID, "method": method, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2",
		"timestamp": r.options.Clock().In(railZone()).Format(railTime), "version": "1.0",
		"app_cert_sn": r.options.AppCertSN, "alipay_root_cert_sn": r.options.RootCertSN,
		"biz_content": string(text),
	} {
		if value != "" {
			form.Set(name, value)
		}
	}
	sign, err := Sign(r.options.PrivateKey, []byte(Canonical(form)))
	if err != nil {
		return nil, fmt.Errorf("payout: %w", err)
	}
	form.Set("sign", sign)
	return form, nil
}

// ask sends a form and gives the answer, once its signature holds.
func (r *Rail) ask(ctx context.Context, op, method string, form url.Values) (reply, error) {
	body, _, err := r.client.Bytes(ctx, httpx.Request{Op: op, Form: form})
	if err != nil {
		if fault.KindOf(err) != fault.Unavailable { // a gateway that answers 4xx is not the gateway
			return reply{}, unclear(CodeUnclear, "gateway answered with an http error").Wrap(err)
		}
		return reply{}, err
	}
	raw, sign, err := envelope(body, method)
	if err != nil {
		return reply{}, err
	}
	if !Verify(r.options.PublicKey, raw, sign) {
		return reply{}, unclear(CodeBadSignature, "answer is not signed by the rail")
	}
	var answered reply
	if err := json.Unmarshal(raw, &answered); err != nil {
		return reply{}, unclear(httpx.CodeMalformed, "answer has other fields than agreed on")
	}
	return answered, nil
}

// envelope takes the answer apart: the raw bytes of the ..._response object,
// exactly as sent, which is what the signature covers, and the signature.
func envelope(body []byte, method string) (raw []byte, sign string, err error) {
	var outer map[string]json.RawMessage
	if json.Unmarshal(body, &outer) != nil {
		return nil, "", unclear(httpx.CodeMalformed, "answer is not json")
	}
	raw, ok := outer[strings.ReplaceAll(method, ".", "_")+"_response"]
	if !ok {
		if raw, ok = outer["error_response"]; !ok {
			return nil, "", unclear(httpx.CodeMalformed, "answer holds no response")
		}
	}
	if json.Unmarshal(outer["sign"], &sign) != nil || sign == "" {
		return nil, "", unclear(CodeBadSignature, "answer has no signature")
	}
	return raw, sign, nil
}
