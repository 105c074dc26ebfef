package sandbox

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"loan310/app/money"
)

// billPath is where the gateway's bills are downloaded.
const billPath = "/bill"

// billURL answers alipay.data.dataservice.bill.downloadurl.query: where the
// bill of a day can be downloaded.
func (r *rail) billURL(content, host string) railFields {
	var asked struct {
		Type string `json:"bill_type"`
		Date string `json:"bill_date"`
	}
	readable := json.Unmarshal([]byte(content), &asked) == nil
	_, badDay := time.Parse(time.DateOnly, asked.Date)
	if !readable || badDay != nil || asked.Type != "signcustomer" {
		return railFields{"code": "40004", "msg": "Business Failed", "sub_code": "INVAILID_ARGUMENTS"} // as the gateway spells it
	}
	query := url.Values{"day": {asked.Date}, "token": {r.billToken(asked.Date)}}
	return railFields{"code": "10000", "msg": "Success", "bill_download_url": "http://" + host + billPath + "?" + query.Encode()}
}

func (r *rail) billToken(day string) string {
	mac := hmac.New(sha256.New, []byte(r.core.secrets.RailPrivateKey))
	mac.Write([]byte(day))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// bill gives the account's bill of a day: CSV between lines that begin with
// #, the last of which add it up.
func (r *rail) bill(w http.ResponseWriter, request *http.Request) {
	day := request.URL.Query().Get("day")
	if !hmac.Equal([]byte(request.URL.Query().Get("token")), []byte(r.billToken(day))) {
		problem(w, http.StatusForbidden, "credentials_refused")
		return
	}
	entries, err := r.core.rail.list()
	trades, unread := r.core.trades.list()
	if err != nil || unread != nil {
		problem(w, http.StatusInternalServerError, "book_not_kept")
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	out := bufio.NewWriter(w)
	defer func() { _ = out.Flush() }() // a broken connection is the reader's to notice
	fmt.Fprintf(out, "#支付宝账务明细查询\n#账号：[%s]\n#起始日期：[%s 00:00:00]\n#-----账务明细列表-----\n账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,业务类型,备注\n", r.core.secrets.AppID, day)
	zone := time.FixedZone("CST", 8*3600)
	var outs, ins int
	var paid, back money.Amount
	line := func(ref, key string, at time.Time, in, outwards, kind string) {
		fmt.Fprintf(out, "%sF,%s,%s,,%s,,%s,%s,%s,\n", ref, ref, key, at.In(zone).Format(time.DateTime), in, outwards, kind)
	}
	for _, entry := range entries {
		for range entry.Paid {
			if entry.PaidAt.In(zone).Format(time.DateOnly) == day {
				line(entry.OrderID, entry.OutBizNo, entry.PaidAt, "0.00", "-"+entry.Amount.String(), "转账")
				outs, paid = outs+1, paid+entry.Amount
			}
		}
		if !entry.RefundedAt.IsZero() && entry.RefundedAt.In(zone).Format(time.DateOnly) == day {
			line(entry.OrderID, entry.OutBizNo, entry.RefundedAt, entry.Amount.String(), "0.00", "转账退回")
			ins, back = ins+1, back+entry.Amount
		}
	}
	for _, trade := range trades {
		for range trade.Collected {
			if trade.At.In(zone).Format(time.DateOnly) == day {
				line(trade.TradeNo, trade.OutTradeNo, trade.At, trade.Amount.String(), "0.00", "交易付款")
				ins, back = ins+1, back+trade.Amount
			}
		}
	}
	fmt.Fprintf(out, "#-----账务明细列表结束-----\n#支出合计：%d笔，共-%s元\n#收入合计：%d笔，共%s元\n", outs, paid, ins, back)
}

// RefundTransfer sends the money of a paid transfer back to the payer.
func (s *Server) RefundTransfer(outBizNo string) error {
	b := s.core.rail
	b.mu.Lock()
	defer b.mu.Unlock()
	entry, ok := b.entries[outBizNo]
	if !ok || entry.State != TransferPaid {
		return fmt.Errorf("no paid transfer %q", outBizNo)
	}
	entry.State, entry.Code, entry.RefundedAt = TransferRefunded, "PAYEE_ACCOUNT_STATUS_ERROR", b.clock()
	return b.keep("refunded", entry)
}

// ForgePayment books another payment of a reference, which a rail must never
// do; tests show that it is found.
func (s *Server) ForgePayment(outBizNo string) error {
	b := s.core.rail
	b.mu.Lock()
	defer b.mu.Unlock()
	entry, ok := b.entries[outBizNo]
	if !ok {
		return fmt.Errorf("no transfer %q", outBizNo)
	}
	entry.Paid++
	return b.keep("paid", entry)
}
