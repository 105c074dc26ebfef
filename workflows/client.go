package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"loan310/app/fault"
)

// CodeChainDown marks a request that needs Temporal while it is not reachable.
const CodeChainDown fault.Code = "workflows_unavailable"

// Client starts workflows. Starting one that runs or has run does nothing.
type Client struct {
	temporal client.Client
}

// NewClient makes a Client.
func NewClient(temporal client.Client) *Client { return &Client{temporal: temporal} }

// Register tells a worker the workflows and activities.
func Register(w worker.Registry, activities *Activities) {
	w.RegisterWorkflowWithOptions(Registration, workflow.RegisterOptions{Name: RegistrationName})
	w.RegisterWorkflowWithOptions(Underwriting, workflow.RegisterOptions{Name: UnderwritingName})
	w.RegisterWorkflowWithOptions(Drawdown, workflow.RegisterOptions{Name: DrawdownName})
	w.RegisterWorkflowWithOptions(Debit, workflow.RegisterOptions{Name: DebitName})
	w.RegisterWorkflowWithOptions(Reconciliation, workflow.RegisterOptions{Name: ReconciliationName})
	w.RegisterActivity(activities)
}

// SubmitStep hands in one registration step and waits for its answer; key
// makes handing it in twice the same as once.
func (c *Client) SubmitStep(ctx context.Context, merchantID, key string, step Submission) error {
	start := c.temporal.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: "registration/" + merchantID, TaskQueue: TaskQueue, WorkflowTaskTimeout: 5 * time.Second,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes:    temporal.NewSearchAttributes(merchantAttribute.ValueSet(merchantID)),
	}, RegistrationName, RegistrationInput{MerchantID: merchantID})
	handle, err := c.temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateID: key, UpdateName: SubmitStepUpdate, Args: []any{step}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return unreachable("hand in "+string(step.Step), err)
	}
	if err := handle.Get(ctx, nil); err != nil {
		return unreachable("hand in "+string(step.Step), err)
	}
	return nil
}

// StartUnderwriting starts deciding an application.
func (c *Client) StartUnderwriting(ctx context.Context, applicationID, merchantID string) error {
	return c.start(ctx, "underwriting/"+applicationID, temporal.NewSearchAttributes(applicationAttribute.ValueSet(applicationID), merchantAttribute.ValueSet(merchantID)),
		UnderwritingName, UnderwritingInput{ApplicationID: applicationID})
}

// StartDrawdown starts paying a draw out.
func (c *Client) StartDrawdown(ctx context.Context, drawdownID, merchantID string) error {
	return c.start(ctx, "drawdown/"+drawdownID, temporal.NewSearchAttributes(drawdownAttribute.ValueSet(drawdownID), merchantAttribute.ValueSet(merchantID)),
		DrawdownName, DrawdownInput{DrawdownID: drawdownID})
}

// StartDebit starts collecting a stored debit.
func (c *Client) StartDebit(ctx context.Context, key, merchantID string) error {
	return c.start(ctx, "debit/"+key, temporal.NewSearchAttributes(merchantAttribute.ValueSet(merchantID)), DebitName, DebitInput{DebitID: key})
}

// StartReconciliation starts reconciling a rail's day.
func (c *Client) StartReconciliation(ctx context.Context, rail, day string) error {
	return c.start(ctx, "reconciliation/"+rail+"/"+day, temporal.NewSearchAttributes(), ReconciliationName, ReconciliationInput{Rail: rail, Day: day})
}

func (c *Client) start(ctx context.Context, id string, attributes temporal.SearchAttributes, name string, input any) error {
	_, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: TaskQueue, EnableEagerStart: true, WorkflowTaskTimeout: 5 * time.Second,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		TypedSearchAttributes:    attributes,
	}, name, input)
	if already := new(serviceerror.WorkflowExecutionAlreadyStarted); errors.As(err, &already) {
		return nil
	}
	return unreachable("start "+id, err)
}

// Ping tells whether Temporal answers.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
	return unreachable("check health", err)
}

// unreachable gives the use case's fault when there is one, and otherwise
// says that the chain cannot be reached.
func unreachable(doing string, err error) error {
	if err == nil {
		return nil
	}
	if known := faultOf(err); fault.KindOf(known) != fault.Internal {
		return known
	}
	return fault.New(fault.Unavailable, CodeChainDown, "The service is busy. What you sent is kept; try again in a moment.").Wrap(fmt.Errorf("%s: %w", doing, err))
}
