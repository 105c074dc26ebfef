package payout

import (
	"strings"
	"time"

	"loan310/adapters/httpx"
	"loan310/app/drawdown"
	"loan310/app/money"
)

// Answer codes of the gateway. Everything not named here is unclear.
const (
	codeDone        = "10000"
	codeSystem      = "20000" // service unavailable
	codeMissing     = "40001" // missing parameter
	codeRefused     = "40002" // invalid parameter, signature included
	codeBusiness    = "40004" // business failure, see sub_code
	codePermission  = "40006" // no permission for the method
	subNotExist     = "ORDER_NOT_EXIST"
	subInconsistent = "PAYMENT_INFO_INCONSISTENCY"
)

// refused tells a sub code of a transfer that the rail certainly did not make
// and will not make: the published business codes less those that say "busy",
// "processing" or "reference reused". A code that is not here leaves the
// payout unknown until the rail is asked: a wrong guess would free money that
// has left.
func refused(subCode string) bool {
	switch subCode {
	case "INVALID_PARAMETER", "PRODUCT_NOT_SIGN", "MEMO_REQUIRED_IN_TRANSFER_ERROR", "REMARK_HAS_SENSITIVE_WORD",
		// the payee
		"PAYEE_NOT_EXIST", "PAYEE_ACCOUNT_NOT_EXSIT", "PAYEE_USER_INFO_ERROR", "PAYEE_USERINFO_STATUS_ERROR",
		"PAYEE_ACCOUNT_STATUS_ERROR", "PAYEE_ACC_OCUPIED", "PAYEE_USER_TYPE_ERROR", "PAYEE_CARD_INFO_ERROR",
		"PAYEE_NOT_RELNAME_CERTIFY", "PAYEE_TRUSTEESHIP_ACC_OVER_LIMIT", "TRUSTEESHIP_RECIEVE_QUOTA_LIMIT", //nolint:misspell // as the gateway spells it
		"CARD_BIN_ERROR", "INVALID_CARDNO", "PERM_AML_NOT_REALNAME_REV", "PERMIT_NON_BANK_LIMIT_PAYEE",
		"PERMIT_LIMIT_PAYEE", "NO_ACCOUNT_RECEIVE_PERMISSION", "PAYER_PAYEE_CANNOT_SAME",
		"RELEASE_USER_FORBBIDEN_RECIEVE", //nolint:misspell // as the gateway spells it
		// limits
		"EXCEED_LIMIT_SM_AMOUNT", "EXCEED_LIMIT_SM_MIN_AMOUNT", "EXCEED_LIMIT_DM_AMOUNT", "EXCEED_LIMIT_DM_MAX_AMOUNT",
		"EXCEED_LIMIT_MM_AMOUNT", "EXCEED_LIMIT_UNRN_DM_AMOUNT", "EXCEED_LIMIT_DC_RECEIVED",
		// ourselves
		"PAYER_BALANCE_NOT_ENOUGH", "BALANCE_IS_NOT_ENOUGH", "PAYER_STATUS_ERROR", "PAYER_USER_INFO_ERROR",
		"PAYER_DATA_INCOMPLETE", "PAYER_CERT_EXPIRED", "PAYER_CERTIFY_CHECK_FAIL", "PAYER_PERMLIMIT_CHECK_FAILURE",
		"PERMIT_CHECK_PERM_LIMITED", "PAYCARD_UNABLE_PAYMENT", "INST_PAY_UNABLE", "NO_ACCOUNT_PAYMENT_PERMISSION",
		"SECURITY_CHECK_FAILED":
		return true
	default:
		return false
	}
}

// railSide tells a refusal that lies with our own account at the rail: it says
// nothing about the payee, whom another rail may pay.
func railSide(code string) bool {
	switch code {
	case "PRODUCT_NOT_SIGN", "PAYER_BALANCE_NOT_ENOUGH", "BALANCE_IS_NOT_ENOUGH", "PAYER_STATUS_ERROR", "PAYER_USER_INFO_ERROR",
		"PAYER_DATA_INCOMPLETE", "PAYER_CERT_EXPIRED", "PAYER_CERTIFY_CHECK_FAIL", "PAYER_PERMLIMIT_CHECK_FAILURE",
		"PERMIT_CHECK_PERM_LIMITED", "PAYCARD_UNABLE_PAYMENT", "INST_PAY_UNABLE", "NO_ACCOUNT_PAYMENT_PERMISSION":
		return true
	default:
		return false
	}
}

// transferReceipt reads the answer to a transfer.
func (r *Rail) transferReceipt(answered reply, told drawdown.Instruction) (drawdown.Receipt, error) {
	switch answered.Code {
	case codeDone:
		if err := belongs(answered, told.Key, told.Amount); err != nil {
			return drawdown.Receipt{}, err
		}
		return r.statusReceipt(answered)
	case codeBusiness:
		switch {
		case refused(answered.SubCode):
			return drawdown.Receipt{State: drawdown.RailFailed, Ref: answered.OrderID, Code: answered.SubCode, At: r.options.Clock(), RailSide: railSide(answered.SubCode)}, nil
		case answered.SubCode == subInconsistent:
			// The earlier instruction under this reference may have been paid.
			return drawdown.Receipt{}, unclear(CodeInconsistent, "rail knows the reference with other content")
		}
	}
	return drawdown.Receipt{}, r.noAnswer(answered)
}

// queryReceipt reads the answer to a query.
func (r *Rail) queryReceipt(answered reply, key string) (drawdown.Receipt, error) {
	switch {
	case answered.Code == codeDone:
		if err := belongs(answered, key, 0); err != nil {
			return drawdown.Receipt{}, err
		}
		return r.statusReceipt(answered)
	case answered.Code == codeBusiness && answered.SubCode == subNotExist:
		return drawdown.Receipt{State: drawdown.RailNoRecord, At: r.options.Clock()}, nil
	default:
		return drawdown.Receipt{}, r.noAnswer(answered)
	}
}

// statusReceipt reads the status of an answer that is ours.
func (r *Rail) statusReceipt(answered reply) (drawdown.Receipt, error) {
	receipt := drawdown.Receipt{Ref: answered.OrderID}
	switch answered.Status {
	case "SUCCESS":
		receipt.State = drawdown.RailPaid
	case "DEALING", "WAIT_PAY":
		receipt.State = drawdown.RailPending
	case "FAIL", "CLOSED":
		receipt.State = drawdown.RailFailed
		receipt.Code = firstOf(answered.SubCode, answered.ErrorCode, answered.Status)
		receipt.RailSide = railSide(receipt.Code)
	case "REFUND": // paid, and it came back to us
		receipt.State = drawdown.RailReturned
		receipt.Code = firstOf(answered.SubCode, answered.ErrorCode, answered.Status)
	default:
		return drawdown.Receipt{}, unclear(CodeUnclear, "answer has an unknown status")
	}
	at, err := r.dateOf(answered)
	receipt.At = at
	return receipt, err
}

func (r *Rail) dateOf(answered reply) (time.Time, error) {
	text := firstOf(answered.PayDate, answered.TransDate)
	if text == "" {
		return r.options.Clock(), nil
	}
	at, err := time.ParseInLocation(railTime, text, railZone())
	if err != nil {
		return time.Time{}, unclear(httpx.CodeMalformed, "answer has an unreadable date")
	}
	return at.UTC(), nil
}

// belongs refuses an answer about another payout. The gateway gives no amount
// with some answers; amount 0 means there is none to compare with.
func belongs(answered reply, key string, amount money.Amount) error {
	if answered.OutBizNo != key {
		return unclear(CodeOtherPayout, "answer names another reference")
	}
	if answered.TransAmount == "" {
		return nil
	}
	said, err := money.Parse(answered.TransAmount)
	if err != nil || (amount != 0 && said != amount) {
		return unclear(CodeOtherPayout, "answer names another amount")
	}
	return nil
}

// noAnswer is the fault of an answer that does not say what happened.
func (r *Rail) noAnswer(answered reply) error {
	switch {
	case answered.Code == codeMissing || answered.Code == codeRefused || answered.Code == codePermission ||
		strings.HasPrefix(answered.SubCode, "isv."):
		return unclear(CodeRailConfig, "gateway refused the request's form or credentials")
	case answered.Code == codeSystem || strings.HasSuffix(answered.SubCode, "SYSTEM_ERROR"):
		return unclear(CodeRailSystem, "gateway had a system error")
	default:
		return unclear(CodeUnclear, "gateway's answer does not say what happened")
	}
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
