package dossier

import (
	"time"

	"loan310/app/money"
	"loan310/scoring/evidence"
)

// sell gives a seller its orders, parcels and application, and returns the
// time of the first order.
func (c *olist) sell(seller string) time.Time {
	var first, lastOrder, lastNews time.Time
	var sold money.Amount
	industry := map[string]int{}
	for _, id := range c.sorted {
		basket := c.baskets[id][seller]
		if basket == nil {
			continue
		}
		source := c.orders[id]
		order := c.order(source, basket)
		industry[order.Category]++
		c.book.orders[seller] = append(c.book.orders[seller], order)
		if order.WaybillNo != "" {
			c.book.waybills[seller] = append(c.book.waybills[seller], c.waybill(seller, source, order))
		}
		if order.Status != evidence.OrderCancelled {
			sold += order.Amount
		}
		if first.IsZero() || source.created.Before(first) {
			first = source.created
		}
		lastOrder = later(lastOrder, source.created)
		for _, moment := range []time.Time{source.created, source.paid, source.handedOver, source.delivered} {
			lastNews = later(lastNews, moment)
		}
	}
	c.describe(seller, industry)
	months := max(1, int64(lastOrder.Sub(first)/days(30)))
	c.book.applications = append(c.book.applications, Application{
		ID: "A-" + seller, MerchantID: seller, AppliedAt: lastNews.Add(time.Hour),
		Amount: max(money.MulDiv(sold, 1, months), money.Yuan), TenorMonths: 6,
	})
	return first
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// describe sets the seller's industry to the goods most often sold, the first
// in the alphabet among equals.
func (c *olist) describe(seller string, industry map[string]int) {
	best := ""
	for category, count := range industry {
		if count > industry[best] || count == industry[best] && category < best {
			best = category
		}
	}
	for i := range c.book.merchants {
		if c.book.merchants[i].ID == seller {
			c.book.merchants[i].Industry = best
		}
	}
}

func (c *olist) order(source *olistOrder, basket *olistBasket) evidence.Order {
	buyer := c.buyers[source.customer]
	order := evidence.Order{
		ID: source.id, Status: olistStatus(source), CreatedAt: source.created, PaidAt: source.paid,
		ShippedAt: source.handedOver, DeliveredAt: source.delivered,
		Amount: basket.amount, Freight: basket.freight, Items: basket.items,
		BuyerID: buyer.id, ShipTo: buyer.city, ReviewScore: c.scores[source.id],
	}
	for i, id := range basket.products {
		product := c.products[id]
		if i == 0 {
			order.Category = product.category
		}
		if product.grams == 0 {
			order.WeightGrams = 0
			break
		}
		order.WeightGrams += product.grams
	}
	if !source.handedOver.IsZero() {
		order.WaybillNo = "WB-" + source.id
	}
	return order
}

// waybill is the carrier's side of a hand-over. The source has no parcel
// numbers, weights or scans; the number is made from the order's.
func (c *olist) waybill(seller string, source *olistOrder, order evidence.Order) evidence.Waybill {
	status := evidence.WaybillInTransit
	if !source.delivered.IsZero() {
		status = evidence.WaybillSigned
	}
	return evidence.Waybill{
		No: order.WaybillNo, OrderID: order.ID, Status: status, PickedUpAt: source.handedOver, SignedAt: source.delivered,
		Origin: c.cities[seller], Destination: order.ShipTo, Scans: -1,
	}
}

func olistStatus(source *olistOrder) evidence.OrderStatus {
	switch source.status {
	case "delivered":
		return evidence.OrderDelivered
	case "shipped":
		return evidence.OrderShipped
	case "canceled", "unavailable":
		return evidence.OrderCancelled
	}
	if source.paid.IsZero() {
		return evidence.OrderCreated
	}
	return evidence.OrderPaid
}
