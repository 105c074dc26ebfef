package sandbox

import (
	"net/http"

	"loan310/scoring/evidence"
)

// bureauAnswer is the wire form of a credit report
// (adapters/contract/bureau.yaml). Without found, only the first three fields
// are there.
type bureauAnswer struct {
	ReportID string         `json:"report_id"`
	PulledAt string         `json:"pulled_at"`
	Found    bool           `json:"found"`
	Credit   *bureauCredit  `json:"credit,omitempty"`
	Public   *bureauPublic  `json:"public_records,omitempty"`
	Queries  *bureauQueries `json:"queries,omitempty"`
}

type bureauCredit struct {
	OpenAccounts    int32  `json:"open_accounts"`
	BalanceFen      int64  `json:"balance_fen"`
	MonthlyDueFen   int64  `json:"monthly_due_fen"`
	WorstDPD24M     int32  `json:"worst_dpd_24m"`
	CurrentDPD      int32  `json:"current_dpd"`
	WrittenOff      int32  `json:"written_off"`
	OldestAccountOn string `json:"oldest_account_on,omitempty"`
}

type bureauPublic struct {
	Enforcements int32 `json:"enforcements"`
}

type bureauQueries struct {
	Last90D int32 `json:"last_90d"`
}

// newBureau hands out credit reports by licence number.
func newBureau(c *core) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/reports", c.signed(Bureau, func(w http.ResponseWriter, request *http.Request) {
		var asked struct {
			Reference     string `json:"reference"`
			LicenceNumber string `json:"licence_number"`
		}
		if !decode(w, request, &asked) {
			return
		}
		if asked.Reference == "" || asked.LicenceNumber == "" {
			problem(w, http.StatusUnprocessableEntity, "question_incomplete")
			return
		}
		report := evidence.BureauReport{}
		if m, known := c.merchantByLicence(asked.LicenceNumber); known {
			report, _ = c.book.Bureau(m.ID)
		}
		if report.ReportID == "" {
			report.ReportID = "none-" + asked.Reference
		}
		if report.PulledAt.IsZero() {
			report.PulledAt = c.book.AsOf()
		}
		report.PulledAt = c.staleAt(request, report.PulledAt)
		answer(w, http.StatusOK, bureauWire(report))
	}))
	return mux
}

func bureauWire(report evidence.BureauReport) bureauAnswer {
	wire := bureauAnswer{ReportID: report.ReportID, PulledAt: moment(report.PulledAt), Found: report.Found}
	if !report.Found {
		return wire
	}
	wire.Credit = &bureauCredit{
		OpenAccounts: report.OpenLoans, BalanceFen: int64(report.Outstanding), MonthlyDueFen: int64(report.MonthlyDebt),
		WorstDPD24M: report.MaxDPD24M, CurrentDPD: report.CurrentDPD, WrittenOff: report.WrittenOff,
		OldestAccountOn: day(report.OldestOpenedAt),
	}
	wire.Public = &bureauPublic{Enforcements: report.CourtRecords}
	wire.Queries = &bureauQueries{Last90D: report.Inquiries90D}
	return wire
}
