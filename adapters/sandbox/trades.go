package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"loan310/app/ident"
	"loan310/app/money"
)

// withholding is the product that debits by agreement are made under.
const withholding = "GENERAL_WITHHOLDING"

func businessFailed(subCode string) railFields {
	return railFields{"code": "40004", "msg": "Business Failed", "sub_code": subCode}
}

// agreement answers alipay.user.agreement.query: whether an account's holder
// agreed to be debited, and under which number.
func (r *rail) agreement(content string) railFields {
	var asked struct {
		LogonID string `json:"alipay_logon_id"`
		Product string `json:"personal_product_code"`
		Scene   string `json:"sign_scene"`
	}
	readable := json.Unmarshal([]byte(content), &asked) == nil
	if !readable || asked.LogonID == "" || asked.Product != "GENERAL_WITHHOLDING_P" || asked.Scene == "" {
		return businessFailed("INVALID_PARAMETER")
	}
	_, notACard := ident.Card(asked.LogonID)
	known := len(r.core.merchantsByAccount(asked.LogonID)) > 0 || (notACard == nil && r.core.rail.payees != PayeesBook)
	if !known || !r.core.trades.signed(asked.LogonID) {
		return businessFailed("USER_AGREEMENT_NOT_EXIST")
	}
	return railFields{
		"code": "10000", "msg": "Success", "agreement_no": r.agreementNo(asked.LogonID), "status": "NORMAL",
		"alipay_logon_id": asked.LogonID, "personal_product_code": asked.Product, "sign_scene": asked.Scene,
	}
}

// agreementNo names the agreement of an account; the account can be found
// from it by asking for that of each account only.
func (r *rail) agreementNo(account string) string {
	mac := hmac.New(sha256.New, []byte(r.core.secrets.RailPrivateKey))
	mac.Write([]byte(account))
	return account + "." + hex.EncodeToString(mac.Sum(nil)[:8])
}

// trade answers alipay.trade.pay under an agreement.
func (r *rail) trade(content string, drawn draw) (railFields, error) {
	var asked struct {
		OutTradeNo  string `json:"out_trade_no"`
		TotalAmount string `json:"total_amount"`
		Subject     string `json:"subject"`
		ProductCode string `json:"product_code"`
		Agreement   struct {
			Number string `json:"agreement_no"`
		} `json:"agreement_params"`
	}
	readable := json.Unmarshal([]byte(content), &asked) == nil
	amount, badAmount := money.Parse(asked.TotalAmount)
	usable := badAmount == nil && amount > 0
	if !readable || !usable || asked.OutTradeNo == "" || len(asked.OutTradeNo) > 64 || asked.Subject == "" || asked.ProductCode != withholding {
		return businessFailed("ACQ.INVALID_PARAMETER"), nil
	}
	account, _, _ := strings.Cut(asked.Agreement.Number, ".")
	if asked.Agreement.Number != r.agreementNo(account) {
		return businessFailed("ACQ.AGREEMENT_NOT_EXIST"), nil
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{asked.OutTradeNo, amount.String(), account}, "\x00")))
	entry, subCode, consistent, err := r.core.trades.pay(TradeEntry{
		OutTradeNo: asked.OutTradeNo, Account: account, Amount: amount, Hash: hex.EncodeToString(sum[:]),
	}, drawn)
	switch {
	case err != nil:
		return nil, err
	case subCode != "":
		return businessFailed(subCode), nil
	case !consistent:
		return businessFailed("ACQ.CONTEXT_INCONSISTENT"), nil
	case entry.State == TradeClosed:
		return businessFailed(entry.Code), nil
	}
	fields := railFields{
		"code": "10000", "msg": "Success", "out_trade_no": entry.OutTradeNo, "trade_no": entry.TradeNo, "total_amount": entry.Amount.String(),
	}
	if entry.State == TradePending {
		fields["code"], fields["msg"] = "10003", "order success pay inprocess"
	} else {
		fields["gmt_payment"] = railMoment(entry.At)
	}
	return fields, nil
}

// tradeQuery answers alipay.trade.query.
func (r *rail) tradeQuery(content string) (railFields, error) {
	var asked struct {
		OutTradeNo string `json:"out_trade_no"`
	}
	readable := json.Unmarshal([]byte(content), &asked) == nil
	if !readable || asked.OutTradeNo == "" {
		return businessFailed("ACQ.INVALID_PARAMETER"), nil
	}
	entry, known, err := r.core.trades.query(asked.OutTradeNo)
	if err != nil {
		return nil, err
	}
	if !known {
		return businessFailed("ACQ.TRADE_NOT_EXIST"), nil
	}
	fields := railFields{
		"code": "10000", "msg": "Success", "out_trade_no": entry.OutTradeNo, "trade_no": entry.TradeNo, "total_amount": entry.Amount.String(),
	}
	switch entry.State {
	case TradeCollected:
		fields["trade_status"], fields["send_pay_date"] = "TRADE_SUCCESS", railMoment(entry.At)
	case TradeClosed:
		fields["trade_status"] = "TRADE_CLOSED"
	default:
		fields["trade_status"] = "WAIT_BUYER_PAY"
	}
	return fields, nil
}

func railMoment(at time.Time) string {
	return at.In(time.FixedZone("CST", 8*3600)).Format(time.DateTime)
}
