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
	Orders7
	Orders180
	Revenue7
	Revenue180
	RevenueWeek
	RevenueYoY30
	RevenueSlope
	BestMonth
	LongestGap
	ActiveWeeks52
	WeekendShare
	NightShare
	HourHHI
	Categories
	CategoryHHI
	TicketMedian
	TicketSpread
	YoungAccounts
	RepeatRevenue
	CancelRate90
	RefundRate90
	RefundDelay
	Reviews365
	ReviewShare
	ReviewTrend
	LowReviews
	ShipDelay

	SalesVsBase
	VerifiedMonthly
	Verified90
	VerifiedShare
	Authenticity
	FlaggedShare
	Coverage
	WantedToRevenue

	LogisticsAge
	Waybills90
	SignRate
	ReturnRate
	MedianDelivery
	ActiveWeeks
	WaybillGrowth
	Waybills30
	Waybills365
	ActiveWeeksYear
	WaybillVolatility
	LostRate
	ReturnRate90
	DeliveryP90
	PickupDelay
	Destinations
	DestinationHHI
	Carriers
	DistanceMean
	FreightMean
	WaybillsToOrders

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
	BalanceMedian
	BalanceMonthEnd
	BalanceLowDays
	InflowTrend
	InflowDays
	SinceInflow
	SalesVolatility
	OutflowShare
	SalaryMonths
	RentMonths
	TaxPayments
	SupplierWeeks
	SupplierMonthly
	LoanInflow
	Penalty90
	CashShare
	TransferShare
	Payers
	PayerHHI
	RoundTrip
	SupplierToRevenue
	SalesToVerified
	WantedToInflow

	UtilityHistory
	BillsOnTime
	BillsLate
	BillDelayMax
	PowerMonthly
	PowerTrend
	UtilityCover
	BillsUnpaid
	BillsLate90
	UtilityGap
	UtilityMonthly
	PowerYoY
	PowerVolatility
	Meters
	PowerPerOrder
	PowerToOrders

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
	BureauDebtToInflow
	BureauDebtToRevenue
	BureauOwedToInflow

	LicenceAge
	LicenceStatus
	LicenceLeft
	LicenceChanged
	LicenceCapital
	LicenceKind
	LicenceToOrder

	OwnRepaid
	OwnWorstDPD
	OwnExposure
	OwnDeclines
	RegisteredDays
	OwnFirstLoan
	OwnExposureToRevenue

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
