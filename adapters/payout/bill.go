package payout

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"loan310/adapters/breaker"
	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/reconciliation"
)

// methodBill asks where the bill of a day is, as documented at
// opendocs.alipay.com/open/02byux. The gateway packs its CSV in a zip and
// writes it in GBK; what we read is the CSV itself in UTF-8.
const methodBill = "alipay.data.dataservice.bill.downloadurl.query"

// billFor bounds the download of one bill.
const billFor = 5 * time.Minute

var _ reconciliation.Source = (*Rail)(nil)

type billContent struct {
	Type string `json:"bill_type"`
	Date string `json:"bill_date"`
}

// Statement gives the lines of the account's bill of a day, as it downloads.
// A bill without its closing totals, or whose totals do not fit, is refused
// with its line.
func (r *Rail) Statement(ctx context.Context, day string, each func(reconciliation.Line) error) (string, error) {
	form, err := r.form(methodBill, billContent{Type: "signcustomer", Date: day})
	if err != nil {
		return "", err
	}
	at, err := breaker.Call(ctx, r.options.Guard, "bill", func(ctx context.Context) (string, error) {
		answered, err := r.ask(ctx, "bill", methodBill, form)
		if err != nil {
			return "", err
		}
		if answered.Code == codeBusiness && strings.Contains(answered.SubCode, "NOT_EXIST") {
			return "", nil
		}
		if answered.Code != codeDone || answered.BillURL == "" {
			return "", r.noAnswer(answered)
		}
		return answered.BillURL, nil
	})
	if err != nil {
		return "", err
	}
	if at == "" {
		return "", fault.New(fault.NotFound, reconciliation.CodeNoStatement, "The wallet rail has no bill of %s.", day)
	}
	if err := r.trusted(at); err != nil {
		return "", err
	}
	return r.download(ctx, at, each)
}

// trusted refuses to download from anywhere but the rail.
func (r *Rail) trusted(at string) error {
	where, err := url.Parse(at)
	gateway, broken := url.Parse(r.options.GatewayURL)
	if err != nil || broken != nil || (where.Host != gateway.Host && (where.Scheme != "https" || !strings.HasSuffix(where.Hostname(), ".alipay.com"))) {
		return unclear(CodeUnclear, "bill lies elsewhere than at the rail")
	}
	return nil
}

func (r *Rail) download(ctx context.Context, at string, each func(reconciliation.Line) error) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, billFor)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return "", unclear(CodeUnclear, "bill has no usable address").Wrap(err)
	}
	client := http.Client{Transport: r.options.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return "", unclear(CodeRailSystem, "bill cannot be downloaded").Wrap(err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end or given up
	if response.StatusCode != http.StatusOK {
		return "", unclear(CodeRailSystem, "bill cannot be downloaded: http status "+strconv.Itoa(response.StatusCode))
	}
	hash := sha256.New()
	if err := ReadBill(io.TeeReader(response.Body, hash), each); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// ReadBill reads a bill line by line.
func ReadBill(from io.Reader, each func(reconciliation.Line) error) error {
	reader := csv.NewReader(from)
	reader.FieldsPerRecord, reader.LazyQuotes, reader.ReuseRecord = -1, true, true
	bill := billReader{each: each}
	for {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line := bill.line + 1
		if err == nil {
			line, _ = reader.FieldPos(0)
			err = bill.row(fields)
		}
		bill.line = line
		if err != nil {
			if known, ok := errors.AsType[*fault.Error](err); ok { // of who takes the lines
				return known
			}
			return fault.New(fault.Invalid, reconciliation.CodePartial, "The wallet rail's bill is not whole: line %d: %s.", line, err).Wrap(err)
		}
	}
	if !bill.outs || !bill.ins {
		return fault.New(fault.Invalid, reconciliation.CodePartial, "The wallet rail's bill is not whole: it ends after line %d without its totals.", bill.line)
	}
	return nil
}

// billReader is the state of one reading.
type billReader struct {
	each      func(reconciliation.Line) error
	columns   map[string]int
	line      int
	n         [2]int // lines out, in
	sum       [2]money.Amount
	ended     bool
	outs, ins bool // the totals were there
}

// Columns of a bill.
const (
	columnKey  = "商户订单号"
	columnRef  = "业务流水号"
	columnAt   = "发生时间"
	columnIn   = "收入金额（+元）"
	columnOut  = "支出金额（-元）"
	columnKind = "业务类型"
)

func (b *billReader) row(fields []string) error {
	first := strings.TrimPrefix(fields[0], "\ufeff")
	switch {
	case strings.HasPrefix(first, "#"):
		return b.remark(strings.Join(fields, ","))
	case b.ended:
		return errors.New("a row after the end of the list")
	case b.columns == nil:
		b.columns = map[string]int{}
		for i, name := range fields {
			b.columns[strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))] = i
		}
		for _, name := range []string{columnKey, columnRef, columnAt, columnIn, columnOut, columnKind} {
			if _, ok := b.columns[name]; !ok {
				return fmt.Errorf("no column %s", name)
			}
		}
		return nil
	case len(fields) < len(b.columns):
		return fmt.Errorf("%d fields, the head has %d", len(fields), len(b.columns))
	}
	return b.movement(func(column string) string { return strings.TrimSpace(fields[b.columns[column]]) })
}

func (b *billReader) movement(field func(string) string) error {
	in, err := amountOf(field(columnIn))
	if err != nil {
		return fmt.Errorf("%s: %w", columnIn, err)
	}
	out, err := amountOf(strings.TrimPrefix(field(columnOut), "-"))
	if err != nil {
		return fmt.Errorf("%s: %w", columnOut, err)
	}
	at, err := time.ParseInLocation(railTime, field(columnAt), railZone())
	if err != nil || (in > 0) == (out > 0) {
		return errors.New("no usable time, or not one amount")
	}
	line := reconciliation.Line{Key: field(columnKey), Ref: field(columnRef), Direction: reconciliation.Out, Amount: out, At: at.UTC()}
	way := 0
	if in > 0 {
		way = 1
		line.Direction, line.Amount, line.Return = reconciliation.In, in, strings.Contains(field(columnKind), "退")
	}
	b.n[way]++
	b.sum[way] += line.Amount
	line.N = b.n[0] + b.n[1]
	return b.each(line)
}

func amountOf(text string) (money.Amount, error) {
	if text == "" {
		return 0, nil
	}
	return money.Parse(text)
}

// remark reads a line that begins with #: the end of the list, and what it
// adds up to.
func (b *billReader) remark(text string) error {
	if strings.Contains(text, "列表结束") {
		b.ended = true
		return nil
	}
	for way, word := range []string{"支出合计", "收入合计"} {
		found := regexp.MustCompile(`^#` + word + `：(\d+)笔，共-?([0-9.]+)元`).FindStringSubmatch(text)
		if found == nil {
			continue
		}
		count, err := strconv.Atoi(found[1])
		sum, wrong := money.Parse(found[2])
		if err != nil || wrong != nil || count != b.n[way] || sum != b.sum[way] {
			return fmt.Errorf("%s says %s for %s, the rows are %d for %s", word, found[1], found[2], b.n[way], b.sum[way])
		}
		b.outs, b.ins = b.outs || way == 0, b.ins || way == 1
	}
	return nil
}
