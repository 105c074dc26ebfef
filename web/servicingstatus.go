package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

type dayStatusView struct {
	Day        string    `json:"day" format:"date"`
	Parts      int       `json:"parts"`
	Done       int       `json:"done"`
	Leased     int       `json:"leased" doc:"Parts that a process works on now."`
	Loans      int64     `json:"loans"`
	Journals   int64     `json:"journals"`
	Failed     int64     `json:"failed" doc:"Attempts at loans that could not be brought through the day; the next run takes them up again."`
	Error      string    `json:"error,omitempty" doc:"One of them, and its code."`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

type servicingStatusView struct {
	Days []dayStatusView `json:"days"`
}

func (s *server) servicingStatusEndpoint() {
	endpoint(s, huma.Operation{
		OperationID: "servicing-status", Method: http.MethodGet, Path: "/api/ops/servicing", Tags: []string{"ops"},
		Summary: "See how far the ends of days have come", Description: "The latest 14 days, newest first: parts done, loans brought through, journals booked, and loans that could not be.",
	}, s.servicingStatus)
}

func (s *server) servicingStatus(ctx context.Context, _ Principal, _ *struct{}) (*body[servicingStatusView], error) {
	found, err := s.EndsOfDays(ctx, 14)
	if err != nil {
		return nil, err
	}
	view := servicingStatusView{Days: make([]dayStatusView, len(found))}
	for i, d := range found {
		view.Days[i] = dayStatusView{
			Day: d.Day.String(), Parts: d.Parts, Done: d.Done, Leased: d.Leased, Loans: d.Loans, Journals: d.Journals,
			Failed: d.Failed, Error: d.Error, StartedAt: d.Started, FinishedAt: d.Finished,
		}
	}
	return &body[servicingStatusView]{view}, nil
}
