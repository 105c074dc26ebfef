// Package audit describes who did what to which record. A store method that
// decides or moves money takes an Entry and writes it in the same transaction.
package audit

import "time"

// Actor is who acted: a person's account, an API key, a workflow or the system.
type Actor struct {
	Kind string // person, api_key, workflow, system
	ID   string
}

// Workflow is the actor of an automated step.
func Workflow(id string) Actor { return Actor{Kind: "workflow", ID: id} }

// System is the actor of housekeeping.
func System(id string) Actor { return Actor{Kind: "system", ID: id} }

// Entry is one audited act. It holds no personal data; Detail is short text
// or JSON of codes and amounts.
type Entry struct {
	At      time.Time
	Actor   Actor
	Action  string // verb.object, such as decision.made
	Subject string // kind/id, such as application/0192…
	Detail  string
}
