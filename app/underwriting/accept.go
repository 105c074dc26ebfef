package underwriting

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/money"
	"loan310/scoring"
)

// Contract gives the text of an offer in zh-CN or en. The Chinese text is the
// one that binds and is hashed; both follow from the decision alone.
func Contract(d Decision, language string) string {
	terms := d.Verdict.Terms
	if terms == nil {
		return ""
	}
	tenors := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(terms.TenorMonths)), ", "), "[]")
	expires := d.OfferExpires.Format("2006-01-02")
	if language == "en" {
		return fmt.Sprintf(`Revolving credit agreement (version 1)
Decision: %s
1. Limit: CNY %s, revolving, without collateral. One loan is one draw on this limit.
2. Price: annualised rate (IRR, all fees included) %s; nominal annual rate %s; day-count base %d. No fee for early repayment.
3. Tenors in months: %s. Repayment: %s.
4. Late interest: 1.5 times the nominal rate on the overdue principal.
5. Each draw is paid to the verified account of the legal representative.
6. The offer may be accepted until %s.
`, d.ID, terms.Limit, percent(terms.IRRBps), percent(terms.AnnualRateBps), terms.DayCountBase, tenors, repaymentWords(terms.Repayment, "en"), expires)
	}
	return fmt.Sprintf(`循环授信合同（第1版）
决定编号：%s
一、额度：人民币%s元，循环使用，信用无抵押。每次支用为一笔借款。
二、价格：年化利率（IRR，含全部费用）%s；合同年利率%s；计息基数%d天。提前还款不收费。
三、期限（月）：%s。还款方式：%s。
四、逾期利息：逾期本金按合同年利率的1.5倍计收。
五、每次支用款项付至法定代表人经核验的账户。
六、本要约有效期至%s。
`, d.ID, terms.Limit, percent(terms.IRRBps), percent(terms.AnnualRateBps), terms.DayCountBase, tenors, repaymentWords(terms.Repayment, "zh-CN"), expires)
}

// ContractHash is the SHA-256 (hex) of the contract text.
func ContractHash(d Decision, language string) string {
	sum := sha256.Sum256([]byte(Contract(d, language)))
	return hex.EncodeToString(sum[:])
}

func percent(rate money.BasisPoints) string {
	return fmt.Sprintf("%d.%02d%%", rate/100, rate%100)
}

func repaymentWords(types []scoring.RepaymentType, language string) string {
	words := map[scoring.RepaymentType][2]string{
		scoring.EqualInstalments: {"等额本息", "equal instalments"},
		scoring.EqualPrincipal:   {"等额本金", "equal principal"},
		scoring.Bullet:           {"先息后本", "interest first, principal at the end"},
		scoring.AnyTime:          {"随借随还", "borrow and repay any time"},
	}
	index, comma := 0, "、"
	if language == "en" {
		index, comma = 1, ", "
	}
	var out []string
	for _, kind := range types {
		out = append(out, words[kind][index])
	}
	return strings.Join(out, comma)
}

// Accept turns an approved offer into a credit line. ContractHash must be the
// offer's, so that nobody accepts a text they were not shown. Accepting twice
// gives the same line.
func (s *Service) Accept(ctx context.Context, applicationID, contractHash string, actor audit.Actor) (Line, error) {
	application, err := s.deps.Store.Application(ctx, applicationID)
	if err != nil {
		return Line{}, err
	}
	if application.State != Approved && application.State != Accepted {
		return Line{}, fault.New(fault.Conflict, CodeNotApproved, "The application is %s; only an approved offer can be accepted.", application.State)
	}
	decision, err := s.deps.Store.Decision(ctx, application.DecisionID)
	if err != nil {
		return Line{}, err
	}
	if contractHash != decision.ContractHash {
		return Line{}, fault.Field("contract_hash", CodeContract, "The contract shown is not the one on offer. Read the current contract and accept again.")
	}
	now := s.deps.Now()
	if application.State == Approved && now.After(decision.OfferExpires) {
		return Line{}, fault.New(fault.Conflict, CodeOfferExpired, "The offer ended on %s. Apply again; it takes a minute.", decision.OfferExpires.Format("2006-01-02"))
	}
	line := Line{
		ID: ident.DerivedID("line", applicationID), MerchantID: application.MerchantID, ApplicationID: applicationID, DecisionID: decision.ID,
		Limit: decision.Verdict.Terms.Limit, Terms: *decision.Verdict.Terms, State: "active", ContractHash: contractHash, AcceptedAt: now,
	}
	stored, err := s.deps.Store.Accept(ctx, line, s.entry(actor, "offer.accepted", applicationID, contractHash),
		Event{ApplicationID: applicationID, Kind: "accepted", At: now})
	if err != nil {
		return Line{}, err
	}
	return stored, nil
}
