package relationstudy

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// The files below the folder of public data.
const (
	ecomFile  = "ecom_fraud/fraud_half_a.csv.gz"
	xenteFile = "xente/loans_2018-09_to_2019-01.csv.gz"
)

// Ecom runs the detector over sign-ups and purchases with device and address
// (dir is the folder of public data): how many accounts the device of a
// purchase had until then, and how many of them came within 72 hours. The
// error of a file that is not there is fs.ErrNotExist.
func Ecom(dir string) (Study, error) {
	type row struct {
		user, device, ip string
		signed, bought   time.Time
		fraud            bool
	}
	var rows []row
	err := table(filepath.Join(dir, ecomFile), []string{"user_id", "signup_time", "purchase_time", "device_id", "ip_address", "class"}, func(v []string) error {
		signed, err1 := time.Parse("1/2/2006 15:04", v[1])
		bought, err2 := time.Parse("1/2/2006 15:04", v[2])
		rows = append(rows, row{v[0], v[3], v[4], signed, bought, v[5] == "1"})
		return errors.Join(err1, err2)
	})
	if err != nil {
		return Study{}, err
	}
	type step struct {
		at  time.Time
		buy bool
		row int
	}
	var steps []step
	for i := range rows {
		steps = append(steps, step{rows[i].signed, false, i}, step{rows[i].bought, true, i})
	}
	// The file tells minutes; sign-ups of a minute stand before its purchases.
	slices.SortStableFunc(steps, func(a, b step) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(fold(a.buy), fold(b.buy)), cmp.Compare(a.row, b.row))
	})
	tracker := relations.NewTracker()
	degree, address, burst, fraud := make([]float64, len(rows)), make([]float64, len(rows)), make([]float64, len(rows)), make([]bool, len(rows))
	for _, s := range steps {
		r := &rows[s.row]
		around, err := tracker.Apply(relations.Application{Merchant: r.user, At: s.at, Found: []relations.Found{
			{Kind: evidence.LinkDevice, Value: r.device}, {Kind: evidence.LinkIP, Value: r.ip},
		}})
		if err != nil {
			return Study{}, err
		}
		if !s.buy {
			continue
		}
		fraud[s.row] = r.fraud
		for _, shared := range around.Shared {
			switch shared.Kind {
			case evidence.LinkDevice:
				degree[s.row] = max(degree[s.row], float64(shared.Degree))
				burst[s.row] = max(burst[s.row], float64(shared.Applied72H))
			case evidence.LinkIP:
				address[s.row] = max(address[s.row], float64(shared.Degree))
			}
		}
	}
	study := Study{Set: "ecom_fraud", Notes: []string{
		"Each purchase is judged by the accounts known when it was made; times are to the minute, and sign-ups of a minute stand before its purchases.",
		"The set looks simulated: most accounts of one device also share the address, the sign-up minute, age and amount.",
	}}
	for _, m := range []struct {
		name  string
		score []float64
		cut   float64
	}{{"accounts on the device", degree, 2}, {"accounts on the device within 72 h", burst, 2}, {"accounts on the address", address, 2}} {
		mark, err := measure(m.name, m.score, fraud, m.cut)
		if err != nil {
			return Study{}, err
		}
		study.Marks = append(study.Marks, mark)
	}
	return study, nil
}

func fold(flag bool) int {
	if flag {
		return 1
	}
	return 0
}

// Xente runs the detector over micro-loans on purchases: how many
// applications of one customer, and how many of one amount and product, came
// within 72 hours before each loan. Repayment rows of a loan count once.
func Xente(dir string) (Study, error) {
	type loan struct {
		id, customer, pattern string
		at                    time.Time
		lent, bad             bool
	}
	byID := map[string]*loan{}
	var loans []*loan
	columns := []string{"CustomerId", "TransactionStartTime", "Value", "TransactionId", "ProductId", "TransactionStatus", "LoanId", "IsDefaulted"}
	err := table(filepath.Join(dir, xenteFile), columns, func(v []string) error {
		at, err := time.Parse(time.DateTime, v[1])
		if err != nil {
			return err
		}
		id := v[3] // a refused application has no loan
		if v[6] != "NA" {
			id = v[6]
		}
		one, known := byID[id]
		if !known {
			one = &loan{id: id, customer: v[0], pattern: v[2] + " " + v[4], at: at}
			byID[id] = one
			loans = append(loans, one)
		}
		one.lent = one.lent || v[5] == "1"
		one.bad = one.bad || v[7] == "1"
		return nil
	})
	if err != nil {
		return Study{}, err
	}
	slices.SortStableFunc(loans, func(a, b *loan) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
	tracker := relations.NewTracker()
	var own, alike []float64
	var bad []bool
	for _, one := range loans {
		// Each application stands for itself; its customer is what it may have
		// in common with others.
		around, err := tracker.Apply(relations.Application{
			Merchant: one.id, At: one.at, Pattern: one.pattern, Found: []relations.Found{{Kind: evidence.LinkDevice, Value: one.customer}},
		})
		if err != nil {
			return Study{}, err
		}
		if !one.lent {
			continue
		}
		counts := map[evidence.IdentifierKind]float64{evidence.LinkDevice: 1, evidence.LinkPattern: 1}
		for _, shared := range around.Shared {
			counts[shared.Kind] = max(counts[shared.Kind], float64(shared.Applied72H))
		}
		own, alike, bad = append(own, counts[evidence.LinkDevice]), append(alike, counts[evidence.LinkPattern]), append(bad, one.bad)
	}
	study := Study{Set: "xente", Notes: []string{
		"Only twelve loans defaulted. Here bursts are the habit of good customers: none of the twelve is part of one, so the marks lie below one half.",
		"The set shows what a burst alone is worth: nothing. The strategy therefore only caps for it and declines with arrears or declines besides.",
	}}
	for _, m := range []struct {
		name  string
		score []float64
	}{{"applications of the customer within 72 h", own}, {"applications of the same amount and product within 72 h", alike}} {
		mark, err := measure(m.name, m.score, bad, 4)
		if err != nil {
			return Study{}, err
		}
		study.Marks = append(study.Marks, mark)
	}
	return study, nil
}

// table reads named columns of a compressed CSV file, row by row.
func table(path string, columns []string, each func(values []string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	reader := csv.NewReader(plain)
	header, err := reader.Read()
	if err != nil {
		return fmt.Errorf("%s: header: %w", path, err)
	}
	places := make([]int, len(columns))
	for i, name := range columns {
		if places[i] = slices.Index(header, name); places[i] < 0 {
			return fmt.Errorf("%s:1: column %q is missing", path, name)
		}
	}
	values := make([]string, len(columns))
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for i, place := range places {
			values[i] = record[place]
		}
		if err := each(values); err != nil {
			line, _ := reader.FieldPos(0)
			return fmt.Errorf("%s:%d: %w", path, line, err)
		}
	}
}
