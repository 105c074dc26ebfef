package crosscheck

import (
	"fmt"
	"iter"
	"slices"

	"loan310/scoring/evidence"
	"loan310/scoring/verdict"
)

// How many ids are shown of a merchant, unless the options ask for more.
const (
	evidenceRows = 10 // of a signal
	maxOrders    = 50
	maxWaybills  = 20
)

// exhibit is what stands behind one code: how many rows, and the sales shown.
type exhibit struct {
	code         string
	rows         int64
	sales        []int32
	transactions []string
}

func (e *exhibit) add(index, limit int) {
	e.rows++
	if len(e.sales) < limit {
		e.sales = append(e.sales, int32(index)) //nolint:gosec // bounded by memory, far below 2^31
	}
}

// pattern picks the sales behind a signal about the whole, with their buyers.
type pattern struct {
	code string
	of   func(entry *sale, buyer int32) bool
}

// exhibits gathers what stands behind the signals and deductions.
type exhibits struct {
	limit   int
	byBit   [findingCount]exhibit // with the finding
	gravest [findingCount][]int32 // deducted by it
	whole   []exhibit             // behind patterns
	failed  []int32               // with a mark of a test that failed
}

// see notes one sale's findings.
func (e *exhibits) see(index int, findings uint32, most int) {
	for rest := findings & deducting &^ findPending; rest != 0; rest &= rest - 1 {
		bit := lowest(rest)
		e.byBit[bit].add(index, e.limit)
		if rest == findings&deducting&^findPending && len(e.gravest[bit]) < most {
			e.gravest[bit] = append(e.gravest[bit], int32(index)) //nolint:gosec // bounded by memory, far below 2^31
		}
	}
}

// look goes through the sales once more for what is behind the patterns.
func (e *exhibits) look(sales []sale, buyers []int32, patterns []pattern, failed uint32, most int) {
	if len(patterns) == 0 && failed == 0 {
		return
	}
	e.whole = make([]exhibit, len(patterns))
	for i := range patterns {
		e.whole[i].code = patterns[i].code
	}
	for index := range sales {
		entry := &sales[index]
		if entry.findings&failed != 0 && entry.findings&(findPending|markService) == 0 && len(e.failed) < most {
			e.failed = append(e.failed, int32(index))
		}
		for i := range patterns {
			if patterns[i].of(entry, buyers[index]) {
				e.whole[i].add(index, e.limit)
			}
		}
	}
}

// naming is what a report still lacks: the readable ids of some sales.
type naming struct {
	exhibits  []exhibit
	flagged   []int32
	suspected []int32
	keys      map[uint64]int32 // hashed order to its place in names
	names     []named
}

type named struct {
	order, waybill string
	found          bool
}

// present puts what was found into the report, still without readable ids.
func (j *Join) present(report *Report, shown *exhibits, transactions map[string][]string) {
	codes, n := Codes(), &naming{keys: map[uint64]int32{}}
	for at, code := range codes {
		told := slices.ContainsFunc(report.Signals, func(signal verdict.Reason) bool { return signal.Code == code }) ||
			slices.ContainsFunc(report.Deductions, func(item verdict.Deduction) bool { return item.Code == code })
		if !told {
			continue
		}
		item := exhibit{code: code}
		if at < findingCount && 1<<at != findPending {
			item = shown.byBit[at]
			item.code = code
		}
		for _, whole := range shown.whole {
			if whole.code == code && whole.rows > item.rows {
				item = whole
			}
		}
		item.transactions = transactions[code]
		if item.rows > 0 || len(item.transactions) > 0 {
			n.exhibits = append(n.exhibits, item)
		}
	}
	n.flagged = append(n.flagged, shown.failed...)
	for bit, list := range shown.gravest {
		n.suspected = append(n.suspected, list...)
		if slices.ContainsFunc(report.Deductions, func(item verdict.Deduction) bool { return item.Code == codes[bit] && item.Orders > 0 }) {
			n.flagged = append(n.flagged, list...)
		}
	}
	n.want(j)
	report.naming = n
	report.fill(j)
}

func (n *naming) want(j *Join) {
	ask := func(list []int32) {
		for _, index := range list {
			key := j.keyOf(index)
			if _, asked := n.keys[key]; !asked && key != 0 {
				n.keys[key] = int32(len(n.names)) //nolint:gosec // a few thousand at most
				n.names = append(n.names, named{})
			}
		}
	}
	for i := range n.exhibits {
		ask(n.exhibits[i].sales)
	}
	ask(n.flagged)
	ask(n.suspected)
}

// keyOf gives the hashed order id of a sale.
func (j *Join) keyOf(sale int32) uint64 { return j.orders.keys[j.sales[sale].order] }

// Name reads the orders again, as far as needed, for the readable ids of the
// evidence in the report: orders and waybills. The rows must be those that
// were added; nothing is read when nothing was found. The error is the
// sequence's.
func (j *Join) Name(report *Report, orders iter.Seq2[*evidence.Order, error]) error {
	n := report.naming
	if n == nil || len(n.names) == 0 || orders == nil {
		return nil
	}
	left := len(n.names)
	for order, err := range orders {
		if err != nil {
			return fmt.Errorf("reading orders again: %w", err)
		}
		at, wanted := n.keys[hash(order.ID)]
		if !wanted || n.names[at].found || j.ahead(order.CreatedAt) || first(j.age(order.CreatedAt), j.age(order.PaidAt)) == unknown {
			continue
		}
		n.names[at] = named{order: clone(order.ID), waybill: clone(order.WaybillNo), found: true}
		if left--; left == 0 {
			break
		}
	}
	report.fill(j)
	return nil
}

// fill writes the lists that people see from what is named by now.
func (r *Report) fill(j *Join) {
	n, most := r.naming, j.shown(maxOrders)
	name := func(index int32) named {
		if at, asked := n.keys[j.keyOf(index)]; asked {
			return n.names[at]
		}
		return named{}
	}
	r.Evidence = nil
	for _, item := range n.exhibits {
		row := verdict.Evidence{Code: item.code, Rows: item.rows, Transactions: item.transactions}
		for _, index := range item.sales {
			if id := name(index); id.order != "" {
				row.Orders = append(row.Orders, id.order)
				if id.waybill != "" && !slices.Contains(row.Waybills, id.waybill) {
					row.Waybills = append(row.Waybills, id.waybill)
				}
			}
		}
		r.Evidence = append(r.Evidence, row)
	}
	r.FlaggedSample, r.SuspectWaybills = nil, nil
	shown := map[int32]bool{}
	for _, index := range n.flagged {
		if id := name(index).order; id != "" && !shown[index] && len(r.FlaggedSample) < most {
			shown[index] = true
			r.FlaggedSample = append(r.FlaggedSample, id)
		}
	}
	if j.options.Logistics == evidence.Empty || len(j.parcels) == 0 {
		return // the carrier has already said it knows none
	}
	for _, index := range n.suspected {
		if id := name(index).waybill; id != "" && len(r.SuspectWaybills) < maxWaybills && !slices.Contains(r.SuspectWaybills, id) {
			r.SuspectWaybills = append(r.SuspectWaybills, id)
		}
	}
}

// shown gives how many ids to keep: the usual number or what the options ask.
func (j *Join) shown(usual int) int {
	if j.options.Show > 0 {
		return j.options.Show
	}
	return usual
}
