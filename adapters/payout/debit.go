package payout

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/servicing/collection"
)

// Methods of debits by agreement (商家扣款), as documented at
// opendocs.alipay.com under the same names.
const (
	methodAgreement  = "alipay.user.agreement.query"
	methodTrade      = "alipay.trade.pay"
	methodTradeQuery = "alipay.trade.query"
)

// Fixed words of a debit by agreement.
const (
	debitProduct    = "GENERAL_WITHHOLDING"
	debitPersonal   = "GENERAL_WITHHOLDING_P"
	agreementNormal = "NORMAL"
	codePending     = "10003" // taken on, under way
)

// CodeOtherDebit marks an answer about another reference or amount.
const CodeOtherDebit fault.Code = "debit_answer_other_debit"

// Debits collects through the gateway, under the agreements of the accounts'
// holders, by the same rules as Rail: only an answer that is signed and names
// our reference and amount counts. It is safe for concurrent use.
type Debits struct {
	rail  *Rail
	scene string
}

var _ collection.Collector = (*Debits)(nil)

// NewDebits makes a collector with a guard of its own in the options. Scene
// is the one agreements are signed for.
func NewDebits(options Options, scene string) (*Debits, error) {
	rail, err := New(options)
	if err != nil {
		return nil, err
	}
	if scene == "" {
		return nil, errors.New("payout: the scene of debits is missing")
	}
	return &Debits{rail: rail, scene: scene}, nil
}

// Close lets go of idle connections.
func (d *Debits) Close() { d.rail.Close() }

type agreementContent struct {
	LogonID string `json:"alipay_logon_id,omitempty"`
	UserID  string `json:"alipay_user_id,omitempty"`
	Product string `json:"personal_product_code"`
	Scene   string `json:"sign_scene"`
}

type tradeContent struct {
	OutTradeNo  string          `json:"out_trade_no"`
	TotalAmount string          `json:"total_amount"` // yuan, two decimals
	Subject     string          `json:"subject"`
	ProductCode string          `json:"product_code"`
	Agreement   agreementParams `json:"agreement_params"`
}

type agreementParams struct {
	Number string `json:"agreement_no"`
}

type tradeQueryContent struct {
	OutTradeNo string `json:"out_trade_no"`
}

// Collect looks up the holder's agreement and debits once. An error for which
// errors.Is finds collection.ErrNotSent means that no debit left this
// process; after any other error Query must be asked.
func (d *Debits) Collect(ctx context.Context, told collection.Instruction) (collection.Receipt, error) {
	if told.Key == "" || told.Amount <= 0 || told.Account == "" {
		return collection.Receipt{}, debitNotSent(fault.New(fault.Invalid, CodeInstruction, "debit: reference, amount and account are needed"))
	}
	agreement, refusedBy, err := d.agreement(ctx, told.Account)
	if err != nil {
		return collection.Receipt{}, debitNotSent(err)
	}
	if refusedBy != "" {
		return d.refusedBy(refusedBy), nil
	}
	form, err := d.rail.form(methodTrade, tradeContent{
		OutTradeNo: told.Key, TotalAmount: told.Amount.String(), Subject: told.Title, ProductCode: debitProduct,
		Agreement: agreementParams{Number: agreement},
	})
	if err != nil {
		return collection.Receipt{}, debitNotSent(err)
	}
	receipt, err := breaker.Call(ctx, d.rail.options.Guard, "collect", func(ctx context.Context) (collection.Receipt, error) {
		reply, err := d.rail.ask(ctx, "collect", methodTrade, form)
		if err != nil {
			return collection.Receipt{}, err
		}
		return d.payReceipt(reply, told)
	})
	if breaker.NotSent(err) {
		return collection.Receipt{}, debitNotSent(err)
	}
	return receipt, err
}

// agreement gives the number of an account's agreement, or the code that says
// there is none.
func (d *Debits) agreement(ctx context.Context, account string) (number, refusedBy string, err error) {
	content := agreementContent{LogonID: account, Product: debitPersonal, Scene: d.scene}
	if d.rail.options.IdentityType == "ALIPAY_USER_ID" {
		content.LogonID, content.UserID = "", account
	}
	form, err := d.rail.form(methodAgreement, content)
	if err != nil {
		return "", "", err
	}
	answered, err := breaker.Call(ctx, d.rail.options.Guard, "agreement", func(ctx context.Context) (reply, error) {
		answered, err := d.rail.ask(ctx, "agreement", methodAgreement, form)
		switch {
		case err != nil:
			return reply{}, err
		case answered.Code == codeBusiness && strings.HasSuffix(answered.SubCode, "AGREEMENT_NOT_EXIST"), answered.Code == codeDone && answered.Status != "":
			return answered, nil
		default:
			return reply{}, d.rail.noAnswer(answered)
		}
	})
	switch {
	case err != nil:
		return "", "", err
	case answered.Code == codeDone && answered.Status == agreementNormal && answered.AgreementNo != "":
		return answered.AgreementNo, "", nil
	default:
		return "", "ACQ.AGREEMENT_NOT_EXIST", nil
	}
}

// Query asks what became of one of our references.
func (d *Debits) Query(ctx context.Context, key string) (collection.Receipt, error) {
	form, err := d.queryForm(key)
	if err != nil {
		return collection.Receipt{}, err
	}
	return breaker.Call(ctx, d.rail.options.Guard, "query", func(ctx context.Context) (collection.Receipt, error) {
		reply, err := d.rail.ask(ctx, "query", methodTradeQuery, form)
		if err != nil {
			return collection.Receipt{}, err
		}
		return d.queryReceipt(reply, key)
	})
}

func (d *Debits) queryForm(key string) (url.Values, error) {
	if key == "" {
		return nil, fault.New(fault.Invalid, CodeInstruction, "debit: a reference is needed")
	}
	return d.rail.form(methodTradeQuery, tradeQueryContent{OutTradeNo: key})
}

// payReceipt reads the answer to a debit.
func (d *Debits) payReceipt(answered reply, told collection.Instruction) (collection.Receipt, error) {
	switch answered.Code {
	case codeDone, codePending:
		if err := belongsTo(answered, told.Key, told.Amount); err != nil {
			return collection.Receipt{}, err
		}
		if answered.Code == codePending {
			return collection.Receipt{State: collection.RailPending, Ref: answered.TradeNo, At: d.rail.options.Clock()}, nil
		}
		at, err := d.at(answered.GmtPayment)
		return collection.Receipt{State: collection.RailCollected, Ref: answered.TradeNo, Amount: told.Amount, At: at}, err
	case codeBusiness:
		if failureOf(answered.SubCode) != collection.NoFailure {
			return d.refusedBy(answered.SubCode), nil
		}
	}
	return collection.Receipt{}, d.rail.noAnswer(answered)
}

// queryReceipt reads the answer to a query; one without an amount is not
// believed.
func (d *Debits) queryReceipt(answered reply, key string) (collection.Receipt, error) {
	if answered.Code == codeBusiness && answered.SubCode == "ACQ.TRADE_NOT_EXIST" {
		return collection.Receipt{State: collection.RailNoRecord, At: d.rail.options.Clock()}, nil
	}
	if answered.Code != codeDone {
		return collection.Receipt{}, d.rail.noAnswer(answered)
	}
	if err := belongsTo(answered, key, 0); err != nil {
		return collection.Receipt{}, err
	}
	said, _ := money.Parse(answered.TotalAmount) // read once already
	receipt := collection.Receipt{Ref: answered.TradeNo, Amount: said, At: d.rail.options.Clock()}
	switch answered.TradeStatus {
	case "TRADE_SUCCESS", "TRADE_FINISHED":
		at, err := d.at(answered.SendPayDate)
		receipt.State, receipt.At = collection.RailCollected, at
		return receipt, err
	case "WAIT_BUYER_PAY":
		receipt.State = collection.RailPending
	case "TRADE_CLOSED":
		receipt.State, receipt.Code, receipt.Failure = collection.RailFailed, answered.TradeStatus, collection.Refused
	default:
		return collection.Receipt{}, unclear(CodeUnclear, "answer has an unknown trade status")
	}
	return receipt, nil
}

func (d *Debits) refusedBy(code string) collection.Receipt {
	return collection.Receipt{State: collection.RailFailed, Code: code, Failure: failureOf(code), At: d.rail.options.Clock()}
}

// failureOf tells a sub code of a debit that the rail certainly did not make
// and will not make under this reference: the published codes less those that
// say "busy", "under way" or "reference known". A code that is not here
// settles nothing until the rail is asked.
func failureOf(subCode string) collection.Failure {
	switch subCode {
	case "ACQ.BUYER_BALANCE_NOT_ENOUGH", "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH":
		return collection.Shortfall
	case "ACQ.AGREEMENT_NOT_EXIST", "ACQ.AGREEMENT_STATUS_NOT_NORMAL", "ACQ.AGREEMENT_INVALID", "ACQ.BUYER_ENABLE_STATUS_FORBID",
		"ACQ.BUYER_NOT_EXIST", "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE", "ACQ.USER_FACE_PAYMENT_SWITCH_OFF", "ACQ.MERCHANT_AGREEMENT_NOT_EXIST":
		return collection.Blocked
	case "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", "ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR", "ACQ.BEYOND_PAY_RESTRICTION",
		"ACQ.BEYOND_PER_RECEIPT_RESTRICTION", "ACQ.BEYOND_PER_RECEIPT_DAY_RESTRICTION", "ACQ.TOTAL_FEE_EXCEED",
		"ACQ.PAYMENT_REQUEST_HAS_RISK", "ACQ.PAYMENT_FAIL", "ACQ.INVALID_PARAMETER", "ACQ.BUYER_SELLER_EQUAL", "ACQ.PRODUCT_AMOUNT_LIMIT_ERROR":
		return collection.Refused
	default:
		return collection.NoFailure
	}
}

// belongsTo refuses an answer about another debit; amount 0 means that there
// is none to compare with, but there must be one.
func belongsTo(answered reply, key string, amount money.Amount) error {
	if answered.OutTradeNo != key {
		return unclear(CodeOtherDebit, "answer names another reference")
	}
	said, err := money.Parse(answered.TotalAmount)
	if err != nil || (amount != 0 && said != amount) {
		return unclear(CodeOtherDebit, "answer names another amount")
	}
	return nil
}

// at reads a moment of the gateway's; none is now.
func (d *Debits) at(text string) (time.Time, error) {
	if text == "" {
		return d.rail.options.Clock(), nil
	}
	at, err := time.ParseInLocation(railTime, text, railZone())
	if err != nil {
		return time.Time{}, unclear(httpx.CodeMalformed, "answer has an unreadable date")
	}
	return at.UTC(), nil
}

func debitNotSent(err error) error { return fmt.Errorf("%w: %w", collection.ErrNotSent, err) }
