package features

import "loan310/scoring/verdict"

// joint is the state of a value made of others: missing where one is missing,
// else stale where one is stale.
func (v Vector) joint(of ...ID) verdict.FeatureState {
	state := verdict.FeatureKnown
	for _, id := range of {
		switch v[id].State {
		case verdict.FeatureKnown:
		case verdict.FeatureStale:
			if state == verdict.FeatureKnown {
				state = verdict.FeatureStale
			}
		default:
			return verdict.FeatureMissing
		}
	}
	return state
}

// against sets id to part over whole in basis points, in the joint state of
// what they were made of; whole must be above zero, else id stays missing.
func (v Vector) against(id ID, part, whole int64, of ...ID) {
	if state := v.joint(of...); state != verdict.FeatureMissing && whole > 0 {
		writer{v, state}.set(id, ratio(part, whole))
	}
}

// writeJoined writes what two sources tell together.
func (c *Collector) writeJoined(vector Vector, facts *Facts) {
	value := func(id ID) int64 { return vector[id].Value }
	wanted := int64(facts.Applicant.AmountWanted)
	if wanted > 0 {
		vector.against(WantedToRevenue, wanted, value(VerifiedMonthly), VerifiedMonthly)
		vector.against(WantedToInflow, wanted, value(Inflow), Inflow)
	}
	vector.against(OwnExposureToRevenue, value(OwnExposure), value(VerifiedMonthly), OwnExposure, VerifiedMonthly)

	vector.against(WaybillsToOrders, value(Waybills90), value(Orders90), Waybills90, Orders90)
	vector.against(SalesToRevenue, c.bank.sales90, value(Revenue90), SalesInflow, Revenue90)
	vector.against(SalesToVerified, c.bank.sales90, value(Verified90), SalesInflow, Verified90)
	vector.against(SupplierToRevenue, c.bank.costs.supplier90, value(Revenue90), SupplierMonthly, Revenue90)

	debt, owed := value(BureauMonthlyDebt), value(BureauOutstanding)
	vector.against(BureauDebtToInflow, debt, value(Inflow), BureauMonthlyDebt, Inflow)
	vector.against(BureauDebtToRevenue, debt, value(VerifiedMonthly), BureauMonthlyDebt, VerifiedMonthly)
	vector.against(BureauOwedToInflow, owed, value(Inflow), BureauOutstanding, Inflow)

	c.writePowerJoined(vector)
	if state := vector.joint(LicenceAge, ShopAgeDays); state != verdict.FeatureMissing {
		writer{vector, state}.set(LicenceToOrder, max(value(LicenceAge)-value(ShopAgeDays), 0))
	}
}

// writePowerJoined holds electricity against orders.
func (c *Collector) writePowerJoined(vector Vector) {
	orders, _ := c.orders.count(90)
	both, _ := c.orders.count(180)
	if state := vector.joint(PowerMonthly, Orders90); state != verdict.FeatureMissing && orders > 0 {
		writer{vector, state}.set(PowerPerOrder, vector[PowerMonthly].Value*3/orders)
	}
	if before := both - orders; before > 0 {
		vector.against(PowerToOrders, vector[PowerTrend].Value, ratio(orders, before), PowerTrend, Orders90)
	}
}
