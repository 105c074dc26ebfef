package dossier

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"loan310/app/money"
)

// olistMinOrders is how many orders a seller must have to be converted: fewer
// say nothing about a business.
const olistMinOrders = 10

const olistTime = "1/2/2006 15:04"

// Reasons for which Olist rows are skipped.
const (
	skipSmallSeller = "seller has fewer than 10 orders"
	skipNoItems     = "order without items, so without a seller"
	skipNotNeeded   = "belongs to no converted order"
	skipNoPlace     = "the format has no place for it"
)

// ConvertOlist turns the Olist marketplace files in a directory into a
// dossier: one merchant a seller with ten orders or more, one application each
// as of the last thing known of its orders, over a month's average sales. BRL
// cents are taken one to one as fen and local times as UTC. Bank, utility and
// bureau files are there without rows, for the source has none; licence,
// identity, phone, account and registry are synthetic and marked. Facts count,
// over all orders of the source: orders, orders_handed_over,
// orders_handed_over_before_approval; and sellers_converted.
func ConvertOlist(in, out string) (Counts, error) {
	c := &olist{
		converter: newConverter(in), categories: map[string]string{}, products: map[string]olistProduct{}, buyers: map[string]olistBuyer{},
		scores: map[string]int32{}, orders: map[string]*olistOrder{}, baskets: map[string]map[string]*olistBasket{},
		sellerOrders: map[string]int{}, cities: map[string]string{},
	}
	for _, step := range []func() error{c.readItems, c.readCategories, c.readProducts, c.readOrders, c.readCustomers, c.readReviews, c.readPayments, c.readSellers} {
		if err := step(); err != nil {
			return c.counts, err
		}
	}
	first := map[string]time.Time{}
	for i := range c.book.merchants {
		first[c.book.merchants[i].ID] = c.sell(c.book.merchants[i].ID)
	}
	c.counts.Facts["sellers_converted"] = int64(len(c.book.merchants))
	c.disguise(0x6f6c697374, time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC), func(id string) time.Time { return first[id] }, fileApplications)
	return c.finish(out)
}

type olistProduct struct {
	category string
	grams    int32
}

type olistBuyer struct{ id, city string }

type olistOrder struct {
	id, customer, status                 string
	created, paid, handedOver, delivered time.Time
}

// olistBasket is what one order holds of one seller.
type olistBasket struct {
	amount, freight money.Amount
	items           int32
	products        []string
}

// olist gathers the files by their keys; sorted is the order ids as read.
type olist struct {
	*converter
	categories   map[string]string
	products     map[string]olistProduct
	buyers       map[string]olistBuyer
	scores       map[string]int32
	orders       map[string]*olistOrder
	sorted       []string
	baskets      map[string]map[string]*olistBasket // order -> seller
	sellerOrders map[string]int
	cities       map[string]string // seller -> city
}

// readItems comes first: it tells which sellers are large enough.
func (c *olist) readItems() error {
	type item struct{ order, seller string }
	var rows []item
	err := c.read("order_items.csv.gz", []string{"order_id", "seller_id", "product_id", "price", "freight_value"}, func(row foreignRow) (string, error) {
		order, seller := row.text("order_id"), row.text("seller_id")
		price, err := minorUnits(row.text("price"))
		freight, err2 := minorUnits(row.text("freight_value"))
		if err := errors.Join(err, err2); err != nil {
			return "", err
		}
		if c.baskets[order] == nil {
			c.baskets[order] = map[string]*olistBasket{}
		}
		basket := c.baskets[order][seller]
		if basket == nil {
			basket = &olistBasket{}
			c.baskets[order][seller] = basket
			c.sellerOrders[seller]++
		}
		basket.amount += price + freight
		basket.freight += freight
		basket.items++
		basket.products = append(basket.products, row.text("product_id"))
		rows = append(rows, item{order, seller})
		return "", nil
	})
	if err != nil {
		return err
	}
	// Which sellers count is known only now.
	count := &c.counts.Sources[0]
	for _, row := range rows {
		if !c.large(row.seller) {
			count.Converted--
			count.Skipped[skipSmallSeller]++
		}
	}
	return nil
}

func (c *olist) large(seller string) bool { return c.sellerOrders[seller] >= olistMinOrders }

// wanted says whether some large seller takes part in an order.
func (c *olist) wanted(order string) bool {
	for seller := range c.baskets[order] {
		if c.large(seller) {
			return true
		}
	}
	return false
}

func (c *olist) readCategories() error {
	return c.read("category_translation.csv.gz", []string{"product_category_name", "product_category_name_english"}, func(row foreignRow) (string, error) {
		c.categories[row.text("product_category_name")] = row.text("product_category_name_english")
		return "", nil
	})
}

func (c *olist) readProducts() error {
	sold := map[string]bool{}
	for _, sellers := range c.baskets {
		for seller, basket := range sellers {
			for _, product := range basket.products {
				sold[product] = sold[product] || c.large(seller)
			}
		}
	}
	return c.read("products.csv.gz", []string{"product_id", "product_category_name", "product_weight_g"}, func(row foreignRow) (string, error) {
		if !sold[row.text("product_id")] {
			return skipNotNeeded, nil
		}
		category := row.text("product_category_name")
		if english := c.categories[category]; english != "" {
			category = english
		}
		c.products[row.text("product_id")] = olistProduct{category: category, grams: grams(row.text("product_weight_g"))}
		return "", nil
	})
}

func (c *olist) readOrders() error {
	need := []string{"order_id", "customer_id", "order_status", "order_purchase_timestamp", "order_approved_at", "order_delivered_carrier_date", "order_delivered_customer_date"}
	return c.read("orders.csv.gz", need, func(row foreignRow) (string, error) {
		var moments [4]time.Time
		for i, column := range need[3:] {
			moment, err := foreignTime(olistTime, row.text(column))
			if err != nil {
				return "", fmt.Errorf("%s: %w", column, err)
			}
			moments[i] = moment
		}
		order := &olistOrder{
			id: row.text("order_id"), customer: row.text("customer_id"), status: row.text("order_status"),
			created: moments[0], paid: moments[1], handedOver: moments[2], delivered: moments[3],
		}
		c.counts.Facts["orders"]++
		if !order.handedOver.IsZero() {
			c.counts.Facts["orders_handed_over"]++
			if order.handedOver.Before(order.paid) {
				c.counts.Facts["orders_handed_over_before_approval"]++
			}
		}
		switch {
		case len(c.baskets[order.id]) == 0:
			return skipNoItems, nil
		case !c.wanted(order.id):
			return skipSmallSeller, nil
		}
		c.orders[order.id] = order
		c.sorted = append(c.sorted, order.id)
		return "", nil
	})
}

func (c *olist) readCustomers() error {
	needed := map[string]bool{}
	for _, order := range c.orders {
		needed[order.customer] = true
	}
	return c.read("customers.csv.gz", []string{"customer_id", "customer_unique_id", "customer_city", "customer_state", "customer_zip_code_prefix"}, func(row foreignRow) (string, error) {
		if !needed[row.text("customer_id")] {
			return skipNotNeeded, nil
		}
		c.buyers[row.text("customer_id")] = olistBuyer{id: row.text("customer_unique_id"), city: olistCity(row, "customer")}
		return "", nil
	})
}

// olistCity writes an address as "SP/sao paulo/3052": state, city, zip prefix.
func olistCity(row foreignRow, of string) string {
	return strings.Join([]string{row.text(of + "_state"), row.text(of + "_city"), row.text(of + "_zip_code_prefix")}, "/")
}

// readReviews keeps the last score of an order.
func (c *olist) readReviews() error {
	return c.read("order_reviews.csv.gz", []string{"order_id", "review_score"}, func(row foreignRow) (string, error) {
		order := row.text("order_id")
		if c.orders[order] == nil {
			return skipNotNeeded, nil
		}
		score := row.text("review_score")
		if len(score) != 1 || score < "1" || score > "5" {
			return "review score is not 1 to 5", nil
		}
		c.scores[order] = int32(score[0] - '0')
		return "", nil
	})
}

// readPayments counts only: the source says how was paid, never from which
// account, and the format has no place for the how.
func (c *olist) readPayments() error {
	return c.read("order_payments.csv.gz", []string{"order_id"}, func(foreignRow) (string, error) { return skipNoPlace, nil })
}

func (c *olist) readSellers() error {
	return c.read("sellers.csv.gz", []string{"seller_id", "seller_city", "seller_state", "seller_zip_code_prefix"}, func(row foreignRow) (string, error) {
		id := row.text("seller_id")
		if !c.large(id) {
			return skipSmallSeller, nil
		}
		c.cities[id] = olistCity(row, "seller")
		c.book.merchants = append(c.book.merchants, Merchant{ID: id, Name: "Olist " + id[:min(8, len(id))]})
		return "", nil
	})
}
