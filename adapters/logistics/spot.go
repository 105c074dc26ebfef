package logistics

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"loan310/adapters/breaker"
	"loan310/adapters/httpx"
	"loan310/app/fault"
	"loan310/scoring/evidence"
)

// spotProvider is the name of the spot check's provider on the operators'
// board and in errors.
const spotProvider = "kuaidi100"

// Headers by which a spot check declares its place in the pull budget, as
// "used/limit" with this one included. Kuaidi100 ignores them; gateways in
// front of it, and the sandbox, refuse checks beyond a limit.
const (
	HeaderPullsApplication = "X-Pulls-Application"
	HeaderPullsDay         = "X-Pulls-Day"
)

// SpotSettings say how to reach Kuaidi100.
type SpotSettings struct {
	BaseURL  string // required
	Customer string // our account
	Key      string // signs requests; never sent

	// Guard holds the limits of one check. Zero fields mean: 3 seconds, 8 at
	// once, and the breaker's own defaults. Checks cost a fee and are never
	// hedged.
	Guard breaker.Settings
	// Transport carries the requests. Nil means one of its own.
	Transport http.RoundTripper
}

func (s SpotSettings) withDefaults() SpotSettings {
	s.Guard = s.Guard.Or(spotProvider, 3*time.Second, 8)
	return s
}

// Spot asks Kuaidi100 about single waybills. It is safe for concurrent use.
type Spot struct {
	settings SpotSettings
	client   *httpx.Client
	guard    *breaker.Guard
	budget   *Budget
}

// NewSpot makes a spot checker with a breaker of its own, which it puts on the
// board, and a pull budget. An unusable BaseURL is an error.
func NewSpot(settings SpotSettings, budget *Budget, board *breaker.Board) (*Spot, error) {
	settings = settings.withDefaults()
	client, err := httpx.New(httpx.Options{
		Provider: spotProvider, BaseURL: settings.BaseURL, Transport: settings.Transport, MaxBody: 1 << 20,
	})
	if err != nil {
		return nil, err
	}
	return &Spot{settings: settings, client: client, guard: breaker.New(settings.Guard, board), budget: budget}, nil
}

// Close lets go of idle connections.
func (s *Spot) Close() { s.client.Close() }

// For gives the checker of one application, whose checks share its budget.
func (s *Spot) For(applicationID string) Checker {
	return Checker{spot: s, applicationID: applicationID}
}

// Checker makes the spot checks of one application.
type Checker struct {
	spot          *Spot
	applicationID string
}

// SpotCheck asks the carrier network about one waybill. carrier is
// Kuaidi100's code ("yuantong"). Order, amounts and weight are not said;
// origin and destination are six-digit division codes. Errors are faults:
// NotFound when nobody knows the waybill, Limited with CodePulls when the
// budget is spent, Invalid when the question cannot be asked, Unavailable
// otherwise. A check that was sent is counted whatever came of it.
func (c Checker) SpotCheck(ctx context.Context, waybillNo, carrier string) (evidence.Waybill, error) {
	if waybillNo == "" || len(waybillNo) > 32 || carrier == "" {
		return evidence.Waybill{}, fault.Field("waybill_no", CodeQuery, "a spot check needs a waybill number of at most 32 characters and a carrier")
	}
	application, day, err := c.spot.budget.take(c.applicationID)
	if err != nil {
		return evidence.Waybill{}, err
	}
	header := http.Header{}
	header.Set(HeaderPullsApplication, fmt.Sprintf("%d/%d", application, c.spot.budget.perApplication))
	header.Set(HeaderPullsDay, fmt.Sprintf("%d/%d", day, c.spot.budget.perDay))
	row, err := breaker.Call(ctx, c.spot.guard, "spot_check", func(ctx context.Context) (evidence.Waybill, error) {
		return c.spot.ask(ctx, waybillNo, carrier, header)
	})
	if err != nil && breaker.NotSent(err) {
		c.spot.budget.giveBack(c.applicationID)
	}
	return row, err
}

// query is the param field of a request.
type query struct {
	Company string `json:"com"`
	Number  string `json:"num"`
	Detail  string `json:"resultv2"` // 4: status codes of events and division codes
	Show    string `json:"show"`     // 0: JSON
	Order   string `json:"order"`
}

func (s *Spot) ask(ctx context.Context, waybillNo, carrier string, header http.Header) (evidence.Waybill, error) {
	param, err := json.Marshal(query{Company: carrier, Number: waybillNo, Detail: "4", Show: "0", Order: "desc"})
	if err != nil {
		return evidence.Waybill{}, fmt.Errorf("encode spot check: %w", err)
	}
	body, _, err := s.client.Bytes(ctx, httpx.Request{
		Op: "check waybill", Path: "/poll/query.do", Header: header,
		Form: url.Values{
			"customer": {s.settings.Customer},
			"param":    {string(param)},
			"sign":     {KuaidiSign(string(param), s.settings.Key, s.settings.Customer)},
		},
	})
	if err != nil && fault.KindOf(err) != fault.Unavailable {
		// Refusals come inside an answer of status 200. Another status is no
		// word on the waybill, least of all that it does not exist.
		return evidence.Waybill{}, fault.New(fault.Unavailable, httpx.CodeDown, "%s answered outside its contract", spotProvider).Wrap(err)
	}
	if err != nil {
		return evidence.Waybill{}, err
	}
	row, err := ParseAnswer(body, waybillNo)
	if err == nil && row.Carrier == "" {
		row.Carrier = carrier
	}
	return row, err
}
