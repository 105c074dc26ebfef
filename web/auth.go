package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/security"
)

type codeRequest struct {
	Keyed
	Body struct {
		Phone    string `json:"phone" minLength:"5" maxLength:"32" doc:"Mobile number; without a country code it is taken for China's." example:"13812345678"`
		Language string `json:"language,omitempty" enum:"zh-CN,en" default:"zh-CN" doc:"Of the message."`
	}
}

type challengeView struct {
	ChallengeID string    `json:"challenge_id" doc:"Hand it in with the code." example:"0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
	ExpiresAt   time.Time `json:"expires_at"`
}

type sessionRequest struct {
	Keyed
	Body struct {
		ChallengeID string `json:"challenge_id" minLength:"1" maxLength:"64" example:"0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
		Code        string `json:"code" minLength:"4" maxLength:"12" doc:"As received by text message." example:"482913"`
		DeviceID    string `json:"device_id,omitempty" maxLength:"128" doc:"A stable pseudonym of the device a new merchant registers on; kept as a keyed hash. Left out: not known."`
		IP          string `json:"ip,omitempty" maxLength:"45" doc:"Platforms: the address a new merchant registers from; kept as a keyed hash. Of other callers it is taken from the connection." example:"203.0.113.7"`
	}
}

type sessionView struct {
	MerchantID string `json:"merchant_id" example:"0192f0c4-7a10-7c3e-9d2b-5f6a7b8c9d0e"`
	State      string `json:"state" enum:"registering,active,suspended,closed" doc:"Where the merchant stands."`
	NextStep   string `json:"next_step" enum:",phone,licence,legal_representative,payout_account,consents" doc:"The first registration step that still needs the merchant; empty when none does."`
	New        bool   `json:"new" doc:"True when the phone was not registered before."`
}

type staffRequest struct {
	Keyed
	Body struct {
		Login    string `json:"login" minLength:"1" maxLength:"100" example:"operator"`
		Password string `json:"password" minLength:"1" maxLength:"200" format:"password"`
	}
}

type staffView struct {
	StaffID string `json:"staff_id"`
	Name    string `json:"name" example:"Operator"`
	Role    string `json:"role" enum:"operator,analyst,collections,campaign,admin"`
}

// signedIn is an answer that sets the session cookie.
type signedIn[T any] struct {
	SetCookie string `header:"Set-Cookie"`
	Body      T
}

type signOutRequest struct{ Keyed }

type signedOut struct {
	SetCookie string `header:"Set-Cookie"`
}

type meView struct {
	Kind       string `json:"kind" enum:"merchant,staff,platform"`
	MerchantID string `json:"merchant_id,omitempty"`
	StaffID    string `json:"staff_id,omitempty"`
	Role       string `json:"role,omitempty"`
	PlatformID string `json:"platform_id,omitempty"`
	Demo       bool   `json:"demo" doc:"True where all data is made up."`
}

func (s *server) authEndpoints() {
	limited := []int{http.StatusTooManyRequests}
	endpoint(s, huma.Operation{
		OperationID: "request-code", Method: http.MethodPost, Path: "/api/auth/codes", Tags: []string{"auth"}, DefaultStatus: http.StatusAccepted, Errors: limited,
		Summary: "Send a one-time code to a phone", Description: "Answers alike for phones we know and phones we do not. The same key sends one code.",
	}, s.requestCode)
	endpoint(s, huma.Operation{
		OperationID: "create-session", Method: http.MethodPost, Path: "/api/auth/sessions", Tags: []string{"auth"}, DefaultStatus: http.StatusCreated, Errors: limited,
		Summary:     "Sign a merchant in with a one-time code",
		Description: "Registers the phone when it is new. A browser gets a session cookie. With a platform's API key no cookie is set; a new merchant is bound to the platform, and a phone registered elsewhere is refused (409). When the answer is lost, the same request with the same key gives it again for five minutes, cookie included.",
	}, s.createSession)
	endpoint(s, huma.Operation{
		OperationID: "create-staff-session", Method: http.MethodPost, Path: "/api/auth/staff-sessions", Tags: []string{"auth"}, DefaultStatus: http.StatusCreated, Errors: append(limited, http.StatusUnauthorized),
		Summary: "Sign a staff member in with a password", Description: "Sets the session cookie. Every refusal reads the same. The same key gives the same session again for five minutes.",
	}, s.createStaffSession)
	endpoint(s, huma.Operation{
		OperationID: "delete-session", Method: http.MethodDelete, Path: "/api/auth/session", Tags: []string{"auth"}, DefaultStatus: http.StatusNoContent,
		Summary: "Sign out", Description: "Ends the session and clears the cookie; without a session it only clears the cookie.",
	}, s.deleteSession)
	endpoint(s, huma.Operation{
		OperationID: "get-me", Method: http.MethodGet, Path: "/api/auth/me", Tags: []string{"auth"},
		Summary: "Say who is calling", Description: "401 when nobody is signed in.",
	}, s.me)
}

// callerKey names a caller for limits: a platform by its id, since all its
// merchants come from one address, anyone else by address.
func callerKey(ctx context.Context, who Principal) string {
	if who.Kind == KindPlatform {
		return "platform/" + who.PlatformID
	}
	return requestOf(ctx).ip
}

func (s *server) requestCode(ctx context.Context, who Principal, in *codeRequest) (*body[challengeView], error) {
	now := s.Now()
	if err := s.limits.codesCaller.take(callerKey(ctx, who), now); err != nil {
		return nil, err
	}
	phone, err := ident.Phone(in.Body.Phone)
	if err != nil {
		return nil, err
	}
	if err := s.limits.codesPhone.take(phone, now); err != nil {
		return nil, err
	}
	challenge, err := s.Security.RequestCode(ctx, phone, in.Body.Language)
	if err != nil {
		return nil, err
	}
	return &body[challengeView]{challengeView{ChallengeID: challenge.ID, ExpiresAt: challenge.ExpiresAt}}, nil
}

func (s *server) createSession(ctx context.Context, who Principal, in *sessionRequest) (*signedIn[sessionView], error) {
	if err := s.limits.sessions.take(callerKey(ctx, who), s.Now()); err != nil {
		return nil, err
	}
	proven, err := s.Security.ProveCode(ctx, in.Body.ChallengeID, in.Body.Code)
	if err != nil {
		return nil, err
	}
	found, made, err := s.Merchants.Register(ctx, proven.Phone, who.PlatformID, proven.Language, originOf(ctx, who, in.Body.DeviceID, in.Body.IP))
	if err != nil {
		return nil, err
	}
	out := &signedIn[sessionView]{Body: sessionView{MerchantID: found.ID, State: string(found.State), NextStep: string(found.Next()), New: made}}
	if who.Kind == KindPlatform {
		if found.PlatformID != who.PlatformID {
			return nil, fault.New(fault.Conflict, CodeElsewhere, "This phone is registered already, but not through you. The merchant goes on where it registered.")
		}
		return out, nil
	}
	out.SetCookie, err = s.signIn(ctx, map[string]string{sessionMerchant: found.ID})
	return out, err
}

func (s *server) createStaffSession(ctx context.Context, _ Principal, in *staffRequest) (*signedIn[staffView], error) {
	now := s.Now()
	if err := s.limits.logins.take(requestOf(ctx).ip, now); err != nil {
		return nil, err
	}
	if err := s.limits.loginsPerson.take(in.Body.Login, now); err != nil {
		return nil, err
	}
	person, err := s.login(ctx, in.Body.Login, in.Body.Password)
	if err != nil {
		return nil, err
	}
	out := &signedIn[staffView]{Body: staffView{StaffID: person.ID, Name: person.Name, Role: string(person.Role)}}
	out.SetCookie, err = s.signIn(ctx, map[string]string{sessionStaff: person.ID, sessionMark: person.SessionMark()})
	return out, err
}

// login checks a password, few at a time: each check takes 64 MiB.
func (s *server) login(ctx context.Context, login, password string) (security.Staff, error) {
	select {
	case s.argon <- struct{}{}:
		defer func() { <-s.argon }()
	case <-ctx.Done():
		return security.Staff{}, ctx.Err()
	}
	person, err := s.Security.Login(ctx, login, password)
	if err == nil && person.Demo && !s.Demo {
		return security.Staff{}, fault.New(fault.Unauthorized, security.CodeWrongLogin, "Login or password is wrong.")
	}
	return person, err
}

// signIn makes a new session with the values and gives its cookie. A session
// the caller had is ended: its token is never reused.
func (s *server) signIn(ctx context.Context, values map[string]string) (string, error) {
	if principalOf(ctx).cookie {
		if err := s.sessions.Destroy(ctx); err != nil {
			return "", err
		}
	}
	ctx, err := s.sessions.Load(ctx, "")
	if err != nil {
		return "", err
	}
	for key, value := range values {
		s.sessions.Put(ctx, key, value)
	}
	token, expiry, err := s.sessions.Commit(ctx)
	if err != nil {
		return "", err
	}
	return s.cookie(token, expiry), nil
}

func (s *server) deleteSession(ctx context.Context, who Principal, _ *signOutRequest) (*signedOut, error) {
	if who.cookie {
		if err := s.sessions.Destroy(ctx); err != nil {
			return nil, err
		}
	}
	return &signedOut{SetCookie: s.cookie("", time.Time{})}, nil
}

// cookie writes the session cookie; a zero expiry takes it away.
func (s *server) cookie(token string, expiry time.Time) string {
	cookie := http.Cookie{ //nolint:gosec // G124: not Secure only where the operator says so, for a service on localhost
		Name: cookieName, Value: token, Path: "/", HttpOnly: true, Secure: s.SecureCookies, SameSite: http.SameSiteLaxMode, MaxAge: -1,
	}
	if !expiry.IsZero() {
		cookie.MaxAge = max(int(expiry.Sub(s.Now()).Seconds()), 1)
	}
	return cookie.String()
}

func (s *server) me(_ context.Context, who Principal, _ *struct{}) (*body[meView], error) {
	return &body[meView]{meView{
		Kind: string(who.Kind), MerchantID: who.MerchantID, StaffID: who.StaffID, Role: string(who.Role), PlatformID: who.PlatformID, Demo: s.Demo,
	}}, nil
}
