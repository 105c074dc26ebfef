package web

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gin-gonic/gin"

	"loan310/app/audit"
	"loan310/app/fault"
	"loan310/app/merchant"
	"loan310/app/security"
)

// PrincipalKind is a kind of caller.
type PrincipalKind string

// Kinds of callers; empty is nobody.
const (
	KindMerchant PrincipalKind = "merchant"
	KindStaff    PrincipalKind = "staff"
	KindPlatform PrincipalKind = "platform"
)

// Principal is who is calling. Which ids are set follows from its kind.
type Principal struct {
	Kind       PrincipalKind
	MerchantID string
	StaffID    string
	Role       security.Role
	PlatformID string
	KeyID      string // of the API key
	cookie     bool   // came by session cookie
}

// scope names the principal in idempotency scopes.
func (p Principal) scope() string {
	return string(p.Kind) + "/" + p.MerchantID + p.StaffID + p.PlatformID
}

// actor names the principal in the audit.
func (p Principal) actor() audit.Actor {
	switch p.Kind {
	case KindPlatform:
		return audit.Actor{Kind: "api_key", ID: p.KeyID}
	case KindStaff:
		return audit.Actor{Kind: "person", ID: "staff/" + p.StaffID}
	case KindMerchant:
		return audit.Actor{Kind: "person", ID: "merchant/" + p.MerchantID}
	default:
		return audit.System("web")
	}
}

// principalOf gives the caller of a request.
func principalOf(ctx context.Context) Principal { return requestOf(ctx).who }

// caller is an entry of the table of permissions.
type caller string

// Callers. A merchant reaches its own records, a platform those of the
// merchants it registered, staff everyone's.
const (
	anyone         caller = "anyone"
	merchantCaller caller = "merchant"
	platformCaller caller = "platform"
	operatorCaller caller = caller(security.RoleOperator)
	analystCaller  caller = caller(security.RoleAnalyst)
	adminCaller    caller = caller(security.RoleAdmin)
	anyStaff       caller = "staff"
)

// permissions is the table of who may call what, by operation id. What is not
// in it nobody may call.
func permissions() map[string][]caller {
	own := []caller{merchantCaller, platformCaller}
	ownOr := func(staff ...caller) []caller { return append(slices.Clone(own), staff...) }
	table := map[string][]caller{
		"request-code":         {anyone},
		"create-session":       {anyone},
		"create-staff-session": {anyone},
		"delete-session":       {anyone},
		"get-me":               {merchantCaller, platformCaller, anyStaff},

		"list-consent-texts":       {anyone},
		"get-merchant":             ownOr(operatorCaller, adminCaller),
		"put-licence":              own,
		"put-legal-representative": own,
		"put-payout-account":       own,
		"put-consents":             own,
		"withdraw-consent":         own,

		"submit-application": own,
		"get-application":    ownOr(operatorCaller, analystCaller, adminCaller),
		"list-applications":  ownOr(operatorCaller, analystCaller, adminCaller),
		"stream-application": ownOr(operatorCaller, analystCaller, adminCaller),
		"get-contract":       ownOr(operatorCaller, analystCaller, adminCaller),
		"accept-offer":       own,
		"get-decision":       ownOr(operatorCaller, analystCaller, adminCaller),
		"replay-decision":    {operatorCaller, analystCaller, adminCaller},

		"get-line":       ownOr(operatorCaller, analystCaller, adminCaller),
		"list-lines":     ownOr(operatorCaller, analystCaller, adminCaller),
		"quote-draw":     ownOr(operatorCaller, analystCaller, adminCaller),
		"open-drawdown":  own,
		"get-drawdown":   ownOr(operatorCaller, analystCaller, adminCaller),
		"list-drawdowns": ownOr(operatorCaller, analystCaller, adminCaller),

		"get-loan":           ownOr(operatorCaller, analystCaller, adminCaller),
		"list-loans":         ownOr(operatorCaller, analystCaller, adminCaller),
		"list-loan-events":   ownOr(operatorCaller, analystCaller, adminCaller),
		"list-loan-journals": {operatorCaller, analystCaller, adminCaller},
		"quote-payoff":       ownOr(operatorCaller, analystCaller, adminCaller),
		"post-repayment":     {operatorCaller, adminCaller},
		"post-recovery":      {operatorCaller, adminCaller},
		"post-refund":        {operatorCaller, adminCaller},
		"reverse-loan-event": {operatorCaller, adminCaller},
		"waive":              {operatorCaller, adminCaller},
		"pause-loan":         {operatorCaller, adminCaller},
		"resume-loan":        {operatorCaller, adminCaller},
		"restructure-loan":   {operatorCaller, adminCaller},
		"propose-charge-off": {operatorCaller, adminCaller},
		"decide-charge-off":  {operatorCaller, adminCaller},
		"propose-write-back": {operatorCaller, adminCaller},
		"decide-write-back":  {operatorCaller, adminCaller},
		"charge-fee":         {operatorCaller, adminCaller},
		"servicing-status":   {operatorCaller, adminCaller},

		"list-providers":  {operatorCaller, adminCaller},
		"list-payouts":    {operatorCaller, adminCaller},
		"get-payout":      {operatorCaller, adminCaller},
		"list-cases":      {operatorCaller, adminCaller},
		"propose-outcome": {operatorCaller, adminCaller},
		"approve-outcome": {operatorCaller, adminCaller},
		"list-rails":      {operatorCaller, adminCaller},
		"stop-rail":       {operatorCaller, adminCaller},
		"resume-rail":     {operatorCaller, adminCaller},

		"list-reconciliations": {operatorCaller, analystCaller, adminCaller},
		"run-reconciliation":   {operatorCaller, adminCaller},
		"get-break":            {operatorCaller, analystCaller, adminCaller},
		"handle-break":         {operatorCaller, adminCaller},

		"trial-balance":   {operatorCaller, adminCaller},
		"ledger-journals": {operatorCaller, adminCaller},
		"group-reviews":   {operatorCaller, analystCaller, adminCaller},
		"portfolio-cost":  {operatorCaller, analystCaller, adminCaller},
	}
	maps.Copy(table, debitPermissions(own, ownOr))
	return table
}

// debitPermissions are those of what is collected from merchants' accounts.
func debitPermissions(own []caller, ownOr func(...caller) []caller) map[string][]caller {
	return map[string][]caller{
		"open-debit":            ownOr(operatorCaller, adminCaller),
		"get-debit":             ownOr(operatorCaller, analystCaller, adminCaller),
		"list-debits":           ownOr(operatorCaller, analystCaller, adminCaller),
		"list-reminders":        ownOr(operatorCaller, analystCaller, adminCaller),
		"put-debit-consent":     own,
		"get-debit-consent":     ownOr(operatorCaller, adminCaller),
		"hold-debits":           {operatorCaller, adminCaller},
		"ops-list-debits":       {operatorCaller, adminCaller},
		"list-debit-cases":      {operatorCaller, adminCaller},
		"propose-debit-outcome": {operatorCaller, adminCaller},
		"approve-debit-outcome": {operatorCaller, adminCaller},
	}
}

// permits tells whether a principal is among the callers.
func permits(allowed []caller, who Principal) bool {
	if slices.Contains(allowed, anyone) {
		return true
	}
	switch who.Kind {
	case KindMerchant:
		return slices.Contains(allowed, merchantCaller)
	case KindPlatform:
		return slices.Contains(allowed, platformCaller)
	case KindStaff:
		return slices.Contains(allowed, anyStaff) || slices.Contains(allowed, caller(who.Role))
	default:
		return false
	}
}

// cookieName is the session cookie's.
const cookieName = "loan310_session"

// authPrefix is where signing in happens.
const authPrefix = "/api/auth/"

func newSessions(deps Deps) *scs.SessionManager {
	manager := scs.New()
	manager.Store = deps.Sessions
	manager.Lifetime = 12 * time.Hour
	manager.Cookie.Name = cookieName
	return manager
}

// Keys of a session.
const (
	sessionMerchant = "merchant_id"
	sessionStaff    = "staff_id"
	sessionMark     = "mark" // of the password it began with
)

// authenticated finds out who is calling, anew for each request: a revoked
// key or a disabled person is refused at once. An API key goes before a
// cookie; a cookie whose session is over is nobody's.
func (s *server) authenticated(c *gin.Context) {
	ctx := c.Request.Context()
	known := requestOf(ctx)
	if header := c.GetHeader("Authorization"); header != "" {
		plain, isBearer := strings.CutPrefix(header, "Bearer ")
		if !isBearer {
			plain = ""
		}
		key, err := s.Security.Platform(ctx, strings.TrimSpace(plain))
		if err == nil && key.Demo && !s.Demo {
			err = fault.New(fault.Unauthorized, security.CodeBadKey, "The API key is not valid.")
		}
		if err != nil {
			s.refuse(c, err)
			return
		}
		known.who = Principal{Kind: KindPlatform, PlatformID: key.PlatformID, KeyID: key.ID}
		c.Next()
		return
	}
	cookie, err := c.Request.Cookie(cookieName)
	if err != nil || cookie.Value == "" {
		c.Next()
		return
	}
	ctx, err = s.sessions.Load(ctx, cookie.Value)
	if err != nil {
		s.refuse(c, err)
		return
	}
	c.Request = c.Request.WithContext(ctx)
	if id := s.sessions.GetString(ctx, sessionMerchant); id != "" {
		known.who = Principal{Kind: KindMerchant, MerchantID: id, cookie: true}
	} else if id := s.sessions.GetString(ctx, sessionStaff); id != "" {
		person, err := s.Security.SignedIn(ctx, id, s.sessions.GetString(ctx, sessionMark))
		switch {
		case err == nil && (s.Demo || !person.Demo):
			known.who = Principal{Kind: KindStaff, StaffID: id, Role: person.Role, cookie: true}
		case err != nil && fault.KindOf(err) != fault.Unauthorized:
			s.refuse(c, err)
			return
		}
	}
	c.Next()
}

// sameOrigin refuses writes that another site's page makes in the name of a
// signed-in person. Who comes by cookie must prove to come from our pages;
// who comes without must merely not say otherwise.
func (s *server) sameOrigin(c *gin.Context) {
	if writes(c.Request.Method) && !ours(c.Request, requestOf(c.Request.Context()).who.cookie) {
		s.refuse(c, newProblem(http.StatusForbidden, CodeCrossSite, "This request came from another site. Signed-in writes are taken from our own pages only (Sec-Fetch-Site: same-origin, or an Origin that is this host)."))
		return
	}
	c.Next()
}

func ours(r *http.Request, mustProve bool) bool {
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "same-origin", "none":
		return true
	case "":
		origin := r.Header.Get("Origin")
		if origin == "" {
			return !mustProve
		}
		parsed, err := url.Parse(origin)
		return err == nil && parsed.Host != "" && parsed.Host == r.Host
	default:
		return false
	}
}

// authorized holds the caller against the table of permissions.
func (s *server) authorized(c *gin.Context) {
	who := requestOf(c.Request.Context()).who
	switch {
	case permits(s.rules[c.Request.Method+" "+c.FullPath()], who):
		c.Next()
	case who.Kind == "":
		s.refuse(c, newProblem(http.StatusUnauthorized, CodeSignIn, "Sign in first: a session cookie from POST /api/auth/sessions, or a platform's API key."))
	default:
		s.refuse(c, newProblem(http.StatusForbidden, CodeNotAllowed, "Your role may not do this."))
	}
}

// merchantFor gives a merchant the caller may see; of others' there is none.
func (s *server) merchantFor(ctx context.Context, who Principal, id string) (merchant.Merchant, error) {
	if who.Kind == KindMerchant && who.MerchantID != id {
		return merchant.Merchant{}, fault.Missing("merchant")
	}
	found, err := s.Merchants.Merchant(ctx, id)
	if err == nil && who.Kind == KindPlatform && found.PlatformID != who.PlatformID {
		return merchant.Merchant{}, fault.Missing("merchant")
	}
	return found, err
}

// visible tells whether a caller may see a record of a merchant; if not, the
// record does not exist for them.
func (s *server) visible(ctx context.Context, who Principal, thing, merchantID string) error {
	switch who.Kind {
	case KindStaff:
		return nil
	case KindMerchant:
		if who.MerchantID == merchantID {
			return nil
		}
	case KindPlatform:
		if s.owners.owns(who.PlatformID, merchantID) {
			return nil
		}
		_, err := s.merchantFor(ctx, who, merchantID)
		if err == nil {
			s.owners.learn(who.PlatformID, merchantID)
		}
		if err == nil || fault.KindOf(err) != fault.NotFound {
			return err
		}
	}
	return fault.Missing(thing)
}

// owners remembers which platform a merchant came through, which never
// changes, so that reading a state again and again does not read and decrypt
// the whole merchant each time. The zero value is ready.
type owners struct {
	mu    sync.RWMutex
	known map[string]string // platform by merchant
}

// mostOwners bounds the memory; beyond it, it starts anew.
const mostOwners = 50_000

func (o *owners) owns(platformID, merchantID string) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	owner, ok := o.known[merchantID]
	return ok && owner == platformID
}

func (o *owners) learn(platformID, merchantID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil || len(o.known) >= mostOwners {
		o.known = map[string]string{}
	}
	o.known[merchantID] = platformID
}
