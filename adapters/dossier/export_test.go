package dossier

import (
	"context"
	"strings"

	"loan310/scoring/evidence"
)

// MaxRecord is the longest row, for tests.
const MaxRecord = maxRecord

// ReadOrders reads the text of an orders file against one known merchant "M1".
func ReadOrders(text string) (FileReport, []*RowError, []evidence.Order) {
	var broken []*RowError
	var orders []evidence.Order
	counts := FileReport{File: "orders.csv"}
	l := &loader{register: newRegister(), report: func(bad *RowError) error {
		broken = append(broken, bad)
		return nil
	}}
	l.register.merchants["M1"] = ""
	err := readRows(context.Background(), l, orderSchema(), strings.NewReader(text), &counts, func(row *owned[evidence.Order]) {
		orders = append(orders, row.row)
	})
	if err != nil {
		panic(err)
	}
	return counts, broken, orders
}

// OrdersText writes orders of "M1" as the text of an orders file.
func OrdersText(orders []evidence.Order) string {
	rows := make([]owned[evidence.Order], len(orders))
	for i, order := range orders {
		rows[i] = owned[evidence.Order]{merchant: "M1", row: order}
	}
	var text strings.Builder
	if _, err := putRows(&text, false, orderSchema(), values(rows)); err != nil {
		panic(err)
	}
	return text.String()
}

// DefaultChance is the known default probability of a generated merchant.
func (g *Generated) DefaultChance(merchantID string) float64 {
	p, _ := g.find(merchantID)
	return g.defaultChance(p)
}
