package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/durationpb"
)

// frontendService is the name under which the frontend reports its health.
const frontendService = "temporal.api.workflowservice.v1.WorkflowService"

// searchAttributes are the business keys by which workflows are found in the UI and by the application.
func searchAttributes() map[string]enumspb.IndexedValueType {
	return map[string]enumspb.IndexedValueType{
		"MerchantId":    enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"ApplicationId": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"DrawdownId":    enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	}
}

// createNamespace writes the namespace before the server starts, so that every service knows it from the beginning:
// one registered through the API is usable only after the caches' next refresh, seconds later.
func createNamespace(opts options, store storage) error {
	namespace, err := sqliteschema.NewNamespaceConfig(clusterName, opts.Namespace, false, searchAttributes())
	if err != nil {
		return fmt.Errorf("describe namespace %s: %w", opts.Namespace, err)
	}
	namespace.Detail.Config.Retention = durationpb.New(opts.Retention)
	// Despite its package, this works on any SQL store and leaves an existing namespace alone.
	if err := sqliteschema.CreateNamespaces(store.main, namespace); err != nil {
		return fmt.Errorf("create namespace %s: %w", opts.Namespace, err)
	}
	return nil
}

// awaitNamespace waits until the frontend is healthy and the namespace answers a query by every search attribute.
// A namespace from an earlier start is brought up to date first.
func awaitNamespace(ctx context.Context, address string, opts options) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("dial frontend: %w", err)
	}
	defer func() { _ = conn.Close() }()

	health := grpc_health_v1.NewHealthClient(conn)
	if err := poll(ctx, func() error { return checkHealth(ctx, health) }); err != nil {
		return err
	}
	if err := updateRetention(ctx, workflowservice.NewWorkflowServiceClient(conn), opts); err != nil {
		return fmt.Errorf("set retention: %w", err)
	}
	if err := addSearchAttributes(ctx, operatorservice.NewOperatorServiceClient(conn), opts.Namespace); err != nil {
		return fmt.Errorf("add search attributes: %w", err)
	}
	return poll(ctx, func() error { return queryAll(ctx, workflowservice.NewWorkflowServiceClient(conn), opts.Namespace) })
}

func checkHealth(ctx context.Context, health grpc_health_v1.HealthClient) error {
	// A connection attempted before the listener is up backs off; waiting for it here costs no time.
	response, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: frontendService}, grpc.WaitForReady(true))
	if err != nil {
		return fmt.Errorf("check health: %w", err)
	}
	if response.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("frontend is %s", response.GetStatus())
	}
	return nil
}

func updateRetention(ctx context.Context, frontend workflowservice.WorkflowServiceClient, opts options) error {
	described, err := frontend.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: opts.Namespace})
	if err != nil {
		return err
	}
	if described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() == opts.Retention {
		return nil
	}
	_, err = frontend.UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: opts.Namespace,
		Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(opts.Retention)},
	})
	return err
}

// addSearchAttributes adds what a namespace of an older version of this command lacks.
func addSearchAttributes(ctx context.Context, operator operatorservice.OperatorServiceClient, namespace string) error {
	listed, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return err
	}
	missing := searchAttributes()
	maps.DeleteFunc(missing, func(name string, _ enumspb.IndexedValueType) bool {
		_, ok := listed.GetCustomAttributes()[name]
		return ok
	})
	if len(missing) == 0 {
		return nil
	}
	_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace:        namespace,
		SearchAttributes: missing,
	})
	return err
}

func queryAll(ctx context.Context, frontend workflowservice.WorkflowServiceClient, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var terms []string
	for _, name := range slices.Sorted(maps.Keys(searchAttributes())) {
		terms = append(terms, name+" = 'ready'")
	}
	_, err := frontend.CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace,
		Query:     strings.Join(terms, " OR "),
	})
	return err
}
