package dossier

import (
	"iter"
	"math/big"
	"strconv"
	"strings"
	"time"

	"loan310/scoring/evidence"
)

// GenerateOptions says which synthetic population to make. The zero value of
// each field is usable.
type GenerateOptions struct {
	Merchants int           // 0 = 40
	Seed      uint64        // the same seed and options give the same rows
	AsOf      time.Time     // latest application; zero = 2026-11-01 UTC
	Spread    time.Duration // applications lie within this long before AsOf; 0 = 72 hours
	// OrdersScale multiplies the number of orders of every merchant; 0 = 1
	// (an established merchant has 150 to 700 orders a year).
	OrdersScale float64
	// BigMerchantOrders makes the first merchant an established one with
	// exactly this many orders; 0 = no such merchant.
	BigMerchantOrders int
}

// Generated is a synthetic population with known truth: every row is computed
// from the seed and the merchant's number when it is asked for, so a set of any
// size costs no memory. It implements Book and is safe for concurrent use.
type Generated struct {
	options         GenerateOptions
	asOf            time.Time
	spread          time.Duration
	licences        permutation
	phones          permutation
	cards           permutation
	bigMerchantSlot int // slot of the first block that changes place with slot 0
}

var _ Book = (*Generated)(nil)

// windowDays is how long before an application its rows begin.
const windowDays = 365

// Generate prepares a population of small Chinese merchants: about 55 %
// established, 12 % seasonal, 12 % thin files, 8 % in brushing rings, 5 %
// related, 8 % defaulting. Everything in it is synthetic.
func Generate(o GenerateOptions) *Generated {
	if o.Merchants <= 0 {
		o.Merchants = 40
	}
	if o.AsOf.IsZero() {
		o.AsOf = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Spread <= 0 {
		o.Spread = 72 * time.Hour
	}
	if o.OrdersScale <= 0 {
		o.OrdersScale = 1
	}
	g := &Generated{options: o, asOf: o.AsOf.UTC().Truncate(time.Second), spread: o.Spread}
	g.licences = newPermutation(organisationCodes, g.hash("licence"))
	g.phones = newPermutation(100_000_000, g.hash("phone"))
	g.cards = newPermutation(1_000_000_000_000, g.hash("card"))
	if o.BigMerchantOrders > 0 {
		for slot, place := range g.block(0) {
			if place.archetype == ArchetypeEstablished {
				g.bigMerchantSlot = slot
				break
			}
		}
	}
	return g
}

// Merchants lists all merchants by number; for a large population prefer to
// call it once.
func (g *Generated) Merchants() []Merchant {
	merchants := make([]Merchant, g.options.Merchants)
	for i := range merchants {
		merchants[i] = g.profile(i).merchant
	}
	return merchants
}

// Applications gives one application a merchant; the first is at AsOf.
func (g *Generated) Applications() []Application {
	applications := make([]Application, g.options.Merchants)
	for i := range applications {
		applications[i] = g.application(g.profile(i))
	}
	return applications
}

// Outcomes gives the outcome of every application, drawn from the merchant's
// latent default probability. They lie after AsOf: no score may read them.
func (g *Generated) Outcomes() []Outcome {
	outcomes := make([]Outcome, g.options.Merchants)
	for i := range outcomes {
		outcomes[i] = g.outcome(g.profile(i))
	}
	return outcomes
}

// Orders walks a merchant's orders by time of creation.
func (g *Generated) Orders(merchantID string) iter.Seq2[*evidence.Order, error] {
	return func(yield func(*evidence.Order, error) bool) {
		p, ok := g.find(merchantID)
		if !ok {
			return
		}
		g.sales(p, func(s *sale) bool { return yield(&s.order, nil) })
	}
}

// Waybills walks a merchant's parcels in the order of their orders.
func (g *Generated) Waybills(merchantID string) iter.Seq2[*evidence.Waybill, error] {
	return func(yield func(*evidence.Waybill, error) bool) {
		p, ok := g.find(merchantID)
		if !ok {
			return
		}
		g.sales(p, func(s *sale) bool { return !s.sent || yield(&s.waybill, nil) })
	}
}

// Transactions walks a merchant's bank rows by time of booking. Its first row
// waits for one walk of the orders, for the settlements follow from them.
func (g *Generated) Transactions(merchantID string) iter.Seq2[*evidence.Transaction, error] {
	return func(yield func(*evidence.Transaction, error) bool) {
		if p, ok := g.find(merchantID); ok {
			g.account(p, func(row *evidence.Transaction) bool { return yield(row, nil) })
		}
	}
}

// Bills walks a merchant's utility bills by start of period.
func (g *Generated) Bills(merchantID string) iter.Seq2[*evidence.UtilityBill, error] {
	return func(yield func(*evidence.UtilityBill, error) bool) {
		p, ok := g.find(merchantID)
		if !ok {
			return
		}
		rows := g.bills(p)
		for i := range rows {
			if !yield(&rows[i], nil) {
				return
			}
		}
	}
}

// Bureau gives a merchant's credit report; for about one in fifty there is none.
func (g *Generated) Bureau(merchantID string) (evidence.BureauReport, bool) {
	p, ok := g.find(merchantID)
	if !ok {
		return evidence.BureauReport{}, false
	}
	return g.bureau(p)
}

// Registry gives the registry's record of a licence.
func (g *Generated) Registry(licence string) (evidence.RegistryRecord, bool) {
	index, ok := g.indexOfLicence(licence)
	if !ok {
		return evidence.RegistryRecord{}, false
	}
	p := g.profile(index)
	if p.merchant.LicenceNumber != licence {
		return evidence.RegistryRecord{}, false
	}
	return g.record(p), true
}

// AsOf is the time of the latest application.
func (g *Generated) AsOf() time.Time { return g.asOf }

// find gives the profile of a merchant by id.
func (g *Generated) find(merchantID string) (*profile, bool) {
	digits, ok := strings.CutPrefix(merchantID, "M")
	number, err := strconv.Atoi(digits)
	if !ok || err != nil || number < 1 || number > g.options.Merchants || merchantName(number-1) != merchantID {
		return nil, false
	}
	return g.profile(number - 1), true
}

func merchantName(index int) string { return label("M", 6, index+1) }

// permutation maps numbers below size one to one, so that generated
// identifiers are unique without remembering them.
type permutation struct{ size, factor, inverse, shift uint64 }

func newPermutation(size, seed uint64) permutation {
	// The golden section spreads neighbours far apart.
	factor := uint64(float64(size)*0.6180339887) | 1
	modulus := new(big.Int).SetUint64(size)
	for inverse := new(big.Int); ; factor += 2 {
		if inverse.ModInverse(new(big.Int).SetUint64(factor), modulus) != nil {
			return permutation{size: size, factor: factor, inverse: inverse.Uint64(), shift: seed % size}
		}
	}
}

func (p permutation) of(index int) uint64 {
	return (mulMod(uint64(index), p.factor, p.size) + p.shift) % p.size
}

func (p permutation) back(value uint64) uint64 {
	return mulMod((value+p.size-p.shift)%p.size, p.inverse, p.size)
}
