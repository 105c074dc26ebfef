package features

// ID is a feature's place in a vector.
type ID int

// The features, in the order of a vector.
const (
	ShopAgeDays ID = iota
	DaysSinceOrder
	Orders30
	Orders90
	Orders365
	Revenue30
	Revenue90
	Revenue365
	RevenueGrowth
	RevenueYoY
	RevenueVolatility
	ActiveDays90
	CancelRate
	RefundRate
	AvgTicket
	ReviewScore
	Buyers365
	RepeatBuyers
	Top10Buyers
	BuyerHHI

	SalesVsBase
	VerifiedMonthly
	Verified90
	VerifiedShare
	Authenticity
	FlaggedShare
	Coverage

	LogisticsAge
	Waybills90
	SignRate
	ReturnRate
	MedianDelivery
	ActiveWeeks
	WaybillGrowth

	BankHistory
	Inflow
	Outflow
	NetFlow
	SalesInflow
	SalesToRevenue
	InflowVolatility
	BalanceAvg
	BalanceMin
	NegativeDays
	PenaltyCount
	DebtService
	DebtServiceShare
	TopPayer

	UtilityHistory
	BillsOnTime
	BillsLate
	BillDelayMax
	PowerMonthly
	PowerTrend
	UtilityCover

	BureauFound
	BureauOpenLoans
	BureauOutstanding
	BureauMonthlyDebt
	BureauMaxDPD
	BureauCurrentDPD
	BureauWrittenOff
	BureauInquiries
	BureauAge
	BureauCourt

	LicenceAge
	LicenceStatus
	LicenceLeft
	LicenceChanged

	OwnRepaid
	OwnWorstDPD
	OwnExposure
	OwnDeclines
	RegisteredDays

	GroupSize
	GroupExposure
	GroupArrears
	GroupWorstDPD
	GroupDeclines
	SharedBuyers
	RingScore
	RingMembers
	BurstSize

	// Count is the length of a vector.
	Count
)

// All lists every feature in the order of a vector.
func All() []Def { return append([]Def(nil), table[:]...) }

// table is never written.
var table = [Count]Def{
	ShopAgeDays:       {Name: "shop_age_days", Unit: "days", Window: "all", Source: "marketplace", About: "from the first order the platform reports to the moment", Missing: "there was no order"},
	DaysSinceOrder:    {Name: "since_order_days", Unit: "days", Window: "all", Source: "marketplace", About: "from the last paid order to the moment the source vouches for", Missing: "there was no paid order"},
	Orders30:          {Name: "orders_30d", Unit: "count", Window: "30 days", Source: "marketplace", About: "paid orders"},
	Orders90:          {Name: "orders_90d", Unit: "count", Window: "90 days", Source: "marketplace", About: "paid orders"},
	Orders365:         {Name: "orders_365d", Unit: "count", Window: "365 days", Source: "marketplace", About: "paid orders"},
	Revenue30:         {Name: "revenue_30d_fen", Unit: "fen", Window: "30 days", Source: "marketplace", About: "claimed revenue: paid orders, gross of refunds"},
	Revenue90:         {Name: "revenue_90d_fen", Unit: "fen", Window: "90 days", Source: "marketplace", About: "claimed revenue: paid orders, gross of refunds"},
	Revenue365:        {Name: "revenue_365d_fen", Unit: "fen", Window: "365 days", Source: "marketplace", About: "claimed revenue: paid orders, gross of refunds"},
	RevenueGrowth:     {Name: "revenue_growth_bps", Unit: "bps", Window: "180 days", Source: "marketplace", About: "claimed revenue of the last 90 days against the 90 before; 10,000 = the same, capped at 100,000", Missing: "nothing was sold in the 90 days before"},
	RevenueYoY:        {Name: "revenue_yoy_bps", Unit: "bps", Window: "455 days", Source: "marketplace", About: "claimed revenue of the last 90 days against the same days a year (365 days) before", Missing: "nothing was sold in those days a year before"},
	RevenueVolatility: {Name: "revenue_volatility_bps", Unit: "bps", Window: "180 days", Source: "marketplace", About: "standard deviation over mean of six 30-day revenues", Missing: "the shop is younger than 180 days or sold nothing"},
	ActiveDays90:      {Name: "active_days_90d", Unit: "count", Window: "90 days", Source: "marketplace", About: "days with a paid order"},
	CancelRate:        {Name: "cancel_rate_bps", Unit: "bps", Window: "365 days", Source: "marketplace", About: "cancelled share of all orders", Missing: "there was no order"},
	RefundRate:        {Name: "refund_rate_bps", Unit: "bps", Window: "365 days", Source: "marketplace", About: "refunds over claimed revenue", Missing: "there was no revenue"},
	AvgTicket:         {Name: "avg_ticket_fen", Unit: "fen", Window: "365 days", Source: "marketplace", About: "claimed revenue over paid orders", Missing: "there was no paid order"},
	ReviewScore:       {Name: "review_score_centi", Unit: "1/100 star", Window: "365 days", Source: "marketplace", About: "mean review of 1 to 5 stars", Missing: "nobody left a review"},
	Buyers365:         {Name: "buyers_365d", Unit: "count", Window: "365 days", Source: "marketplace", About: "distinct buyers named"},
	RepeatBuyers:      {Name: "repeat_buyers_bps", Unit: "bps", Window: "365 days", Source: "marketplace", About: "buyers with two orders or more", Missing: "fewer than four orders in five name their buyer"},
	Top10Buyers:       {Name: "top10_buyers_bps", Unit: "bps", Window: "365 days", Source: "marketplace", About: "revenue share of the ten largest buyers", Missing: "fewer than four orders in five name their buyer"},
	BuyerHHI:          {Name: "buyer_hhi_bps", Unit: "bps", Window: "365 days", Source: "marketplace", About: "Herfindahl index of buyers' revenue; 10,000 = one buyer", Missing: "fewer than four orders in five name their buyer"},

	SalesVsBase:     {Name: "sales_vs_base_bps", Unit: "bps", Window: "30 days", Source: "crosscheck", About: "claimed revenue against the same days a year before, else the median of the six months before: the trigger of the check", Missing: "there are neither sales a year before nor two months with sales before"},
	VerifiedMonthly: {Name: "verified_monthly_fen", Unit: "fen", Window: "365 days", Source: "crosscheck", About: "verified revenue a month: over the days since the first order, at least 30 and at most the window", Missing: "there was no order"},
	Verified90:      {Name: "verified_90d_fen", Unit: "fen", Window: "90 days", Source: "crosscheck", About: "verified revenue", Missing: "there was no order"},
	VerifiedShare:   {Name: "verified_share_bps", Unit: "bps", Window: "365 days", Source: "crosscheck", About: "verified over claimed revenue less refunds", Missing: "there was no revenue, or logistics could not be read"},
	Authenticity:    {Name: "authenticity_bps", Unit: "bps", Window: "365 days", Source: "crosscheck", About: "authenticity score; 10,000 = nothing found", Missing: "there was no order, or logistics could not be read"},
	FlaggedShare:    {Name: "flagged_orders_bps", Unit: "bps", Window: "365 days", Source: "crosscheck", About: "flagged share of paid orders", Missing: "there was no order"},
	Coverage:        {Name: "waybill_coverage_bps", Unit: "bps", Window: "365 days", Source: "crosscheck", About: "paid orders to be shipped, past the grace, with a waybill", Missing: "no order is due to have a waybill, or logistics could not be read"},

	LogisticsAge:   {Name: "logistics_age_days", Unit: "days", Window: "all", Source: "logistics", About: "since the first waybill the carriers report"},
	Waybills90:     {Name: "waybills_90d", Unit: "count", Window: "90 days", Source: "logistics", About: "waybills made"},
	SignRate:       {Name: "sign_rate_bps", Unit: "bps", Window: "15 to 365 days", Source: "logistics", About: "signed share of waybills at least 15 days old", Missing: "no waybill is old enough"},
	ReturnRate:     {Name: "return_rate_bps", Unit: "bps", Window: "365 days", Source: "logistics", About: "returned share of waybills", Missing: "there was no waybill in the year"},
	MedianDelivery: {Name: "median_delivery_hours", Unit: "hours", Window: "365 days", Source: "logistics", About: "median from pick-up to signature, capped at 1,000", Missing: "nothing was signed"},
	ActiveWeeks:    {Name: "shipping_weeks_12w", Unit: "count", Window: "84 days", Source: "logistics", About: "of the last twelve weeks, with a waybill"},
	WaybillGrowth:  {Name: "waybill_growth_bps", Unit: "bps", Window: "180 days", Source: "logistics", About: "waybills of the last 90 days against the 90 before, capped at 100,000", Missing: "nothing was shipped in the 90 days before"},

	BankHistory:      {Name: "bank_history_days", Unit: "days", Window: "all", Source: "bank", About: "since the first booked row"},
	Inflow:           {Name: "inflow_monthly_fen", Unit: "fen", Window: "180 days", Source: "bank", About: "credits a month, without loans, refunds and own accounts"},
	Outflow:          {Name: "outflow_monthly_fen", Unit: "fen", Window: "180 days", Source: "bank", About: "debits a month, without own accounts"},
	NetFlow:          {Name: "net_flow_monthly_fen", Unit: "fen", Window: "180 days", Source: "bank", About: "inflow less outflow a month"},
	SalesInflow:      {Name: "sales_inflow_monthly_fen", Unit: "fen", Window: "180 days", Source: "bank", About: "credits marked as sales a month"},
	SalesToRevenue:   {Name: "sales_to_revenue_bps", Unit: "bps", Window: "90 days", Source: "bank", About: "sales credits against claimed revenue, capped at 100,000", Missing: "there was no claimed revenue"},
	InflowVolatility: {Name: "inflow_volatility_bps", Unit: "bps", Window: "180 days", Source: "bank", About: "standard deviation over mean of six 30-day inflows", Missing: "the history is shorter than 180 days or nothing came in"},
	BalanceAvg:       {Name: "balance_avg_fen", Unit: "fen", Window: "180 days", Source: "bank", About: "mean balance after a row", Missing: "no row says the balance"},
	BalanceMin:       {Name: "balance_min_fen", Unit: "fen", Window: "180 days", Source: "bank", About: "lowest balance after a row", Missing: "no row says the balance"},
	NegativeDays:     {Name: "negative_days_180d", Unit: "count", Window: "180 days", Source: "bank", About: "days with a balance below zero", Missing: "no row says the balance"},
	PenaltyCount:     {Name: "penalty_interest_365d", Unit: "count", Window: "365 days", Source: "bank", About: "charges of penalty interest"},
	DebtService:      {Name: "debt_service_monthly_fen", Unit: "fen", Window: "180 days", Source: "bank", About: "loan repayments a month"},
	DebtServiceShare: {Name: "debt_service_bps", Unit: "bps", Window: "180 days", Source: "bank", About: "loan repayments over inflow, capped at 100,000", Missing: "nothing came in"},
	TopPayer:         {Name: "top_payer_bps", Unit: "bps", Window: "180 days", Source: "bank", About: "largest counterparty's share of named inflow", Missing: "no inflow names its counterparty"},

	UtilityHistory: {Name: "utility_history_days", Unit: "days", Window: "all", Source: "utility", About: "since the first billed period began"},
	BillsOnTime:    {Name: "bills_on_time_bps", Unit: "bps", Window: "365 days", Source: "utility", About: "bills due that were paid by the day after", Missing: "no bill says when it was due"},
	BillsLate:      {Name: "bills_late_365d", Unit: "count", Window: "365 days", Source: "utility", About: "bills due that were paid later, or are unpaid", Missing: "no bill says when it was due"},
	BillDelayMax:   {Name: "bill_delay_max_days", Unit: "days", Window: "365 days", Source: "utility", About: "longest delay of a bill, unpaid ones to the moment", Missing: "no bill says when it was due"},
	PowerMonthly:   {Name: "power_monthly_wh", Unit: "Wh", Window: "90 days", Source: "utility", About: "electricity in 30 metered days", Missing: "fewer than 30 of the days are metered"},
	PowerTrend:     {Name: "power_trend_bps", Unit: "bps", Window: "180 days", Source: "utility", About: "electricity a day of the last 90 days against the 90 before, capped at 100,000", Missing: "fewer than 30 days of either stretch are metered"},
	UtilityCover:   {Name: "utility_cover_bps", Unit: "bps", Window: "365 days", Source: "utility", About: "days covered by bills, of those since the first"},

	BureauFound:       {Name: "bureau_found", Unit: "0 or 1", Window: "report", Source: "bureau", About: "the credit reference centre has a file"},
	BureauOpenLoans:   {Name: "bureau_open_loans", Unit: "count", Window: "report", Source: "bureau", About: "loans open elsewhere"},
	BureauOutstanding: {Name: "bureau_outstanding_fen", Unit: "fen", Window: "report", Source: "bureau", About: "debt elsewhere"},
	BureauMonthlyDebt: {Name: "bureau_monthly_debt_fen", Unit: "fen", Window: "report", Source: "bureau", About: "scheduled payments elsewhere a month"},
	BureauMaxDPD:      {Name: "bureau_max_dpd_days", Unit: "days", Window: "24 months", Source: "bureau", About: "worst days past due"},
	BureauCurrentDPD:  {Name: "bureau_current_dpd_days", Unit: "days", Window: "report", Source: "bureau", About: "days past due now"},
	BureauWrittenOff:  {Name: "bureau_written_off", Unit: "count", Window: "ever", Source: "bureau", About: "loans written off"},
	BureauInquiries:   {Name: "bureau_inquiries_90d", Unit: "count", Window: "90 days", Source: "bureau", About: "inquiries of lenders"},
	BureauAge:         {Name: "bureau_age_days", Unit: "days", Window: "ever", Source: "bureau", About: "since the oldest loan was opened", Missing: "the report does not say"},
	BureauCourt:       {Name: "bureau_court_records", Unit: "count", Window: "ever", Source: "bureau", About: "enforcement entries"},

	LicenceAge:     {Name: "licence_age_days", Unit: "days", Window: "ever", Source: "registry", About: "since the business was established", Missing: "the registry does not say"},
	LicenceStatus:  {Name: "licence_status", Unit: "0 to 3", Window: "now", Source: "registry", About: "0 active, 1 abnormal, 2 revoked, 3 closed"},
	LicenceLeft:    {Name: "licence_left_days", Unit: "days", Window: "now", Source: "registry", About: "until the licence ends; 36,500 = no end"},
	LicenceChanged: {Name: "licence_changed_days", Unit: "days", Window: "ever", Source: "registry", About: "since the last change of owner or licence", Missing: "no change is recorded"},

	OwnRepaid:      {Name: "own_loans_repaid", Unit: "count", Window: "ever", Source: "own", About: "drawdowns repaid to us in full"},
	OwnWorstDPD:    {Name: "own_worst_dpd_days", Unit: "days", Window: "ever", Source: "own", About: "worst days past due with us", Missing: "the merchant never borrowed here"},
	OwnExposure:    {Name: "own_exposure_fen", Unit: "fen", Window: "now", Source: "own", About: "principal owed to us"},
	OwnDeclines:    {Name: "own_declines_30d", Unit: "count", Window: "30 days", Source: "own", About: "our declines"},
	RegisteredDays: {Name: "registered_days", Unit: "days", Window: "ever", Source: "own", About: "since registration with us", Missing: "the time of registration is not known"},

	GroupSize:     {Name: "group_size", Unit: "count", Window: "now", Source: FromOwn, About: "merchants of the connected group, the applicant included; 1 = alone", Missing: "relations could not be read"},
	GroupExposure: {Name: "group_open_exposure_fen", Unit: "fen", Window: "now", Source: FromOwn, About: "limits of open lines and of offers that may still be accepted, of the whole group", Missing: "relations could not be read"},
	GroupArrears:  {Name: "group_arrears_count", Unit: "count", Window: "now", Source: FromOwn, About: "other members of the group past due or defaulted", Missing: "relations could not be read"},
	GroupWorstDPD: {Name: "group_worst_dpd_days", Unit: "days", Window: "ever", Source: FromOwn, About: "worst days past due of the other members", Missing: "relations could not be read, or no other member ever borrowed"},
	GroupDeclines: {Name: "linked_declines_30d", Unit: "count", Window: "30 days", Source: FromOwn, About: "our declines of the other members", Missing: "relations could not be read"},
	SharedBuyers:  {Name: "shared_buyers_bps", Unit: "bps", Window: "180 days", Source: FromOwn, About: "share of orders from customers that other members of the group have too", Missing: "relations could not be read, or there are too few orders"},
	RingScore:     {Name: "ring_score_bps", Unit: "bps", Window: "180 days", Source: FromOwn, About: "how closed the group's circle of customers is; 10,000 = fully", Missing: "relations could not be read"},
	RingMembers:   {Name: "ring_members", Unit: "count", Window: "180 days", Source: FromOwn, About: "members of the group with customers in common, the applicant included; 0 = it has none", Missing: "relations could not be read"},
	BurstSize:     {Name: "burst_applications_72h", Unit: "count", Window: "72 hours", Source: FromOwn, About: "merchants of the largest burst of look-alike applications this one is part of; 0 = none", Missing: "relations could not be read"},
}
