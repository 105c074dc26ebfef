package main

import (
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
)

const (
	clusterName     = "active"
	mainStore       = "default"
	visibilityStore = "visibility"
)

// storage is where one instance keeps its data.
type storage struct {
	main       *config.SQL
	visibility *config.SQL
	shards     int32 // fixed when the database is created, the server keeps the stored number afterwards
	engine     string
}

// serverConfig is the static configuration: one node, no archival, no second cluster.
func serverConfig(opts options, p ports, store storage) *config.Config {
	frontend := hostPort(dialable(opts.IP), p.frontend)
	var cfg config.Config
	cfg.Global.Membership.MaxJoinDuration = 30 * time.Second
	cfg.Global.Membership.BroadcastAddress = internalIP.String()
	cfg.Persistence = config.Persistence{
		DefaultStore:     mainStore,
		VisibilityStore:  visibilityStore,
		NumHistoryShards: store.shards,
		DataStores: map[string]config.DataStore{
			mainStore:       {SQL: store.main},
			visibilityStore: {SQL: store.visibility},
		},
	}
	cfg.ClusterMetadata = &cluster.Config{
		FailoverVersionIncrement: 10,
		MasterClusterName:        clusterName,
		CurrentClusterName:       clusterName,
		ClusterInformation: map[string]cluster.ClusterInformation{
			clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
		},
	}
	cfg.DCRedirectionPolicy.Policy = "noop"
	cfg.Services = map[string]config.Service{
		string(primitives.FrontendService): {RPC: config.RPC{GRPCPort: p.frontend, BindOnIP: opts.IP.String()}},
		string(primitives.HistoryService):  {RPC: config.RPC{GRPCPort: p.history, BindOnIP: internalIP.String()}},
		string(primitives.MatchingService): {RPC: config.RPC{GRPCPort: p.matching, BindOnIP: internalIP.String()}},
		string(primitives.WorkerService):   {RPC: config.RPC{GRPCPort: p.worker, BindOnIP: internalIP.String()}},
	}
	cfg.Archival.History.State = "disabled"
	cfg.Archival.Visibility.State = "disabled"
	cfg.NamespaceDefaults.Archival.History.State = "disabled"
	cfg.NamespaceDefaults.Archival.Visibility.State = "disabled"
	cfg.PublicClient.HostPort = frontend
	return &cfg
}

// staticHosts spares one node the gossip protocol: quicker to start, and no membership ports.
func staticHosts(opts options, p ports) map[primitives.ServiceName]static.Hosts {
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: static.SingleLocalHost(hostPort(dialable(opts.IP), p.frontend)),
		primitives.HistoryService:  static.SingleLocalHost(hostPort(internalIP, p.history)),
		primitives.MatchingService: static.SingleLocalHost(hostPort(internalIP, p.matching)),
		primitives.WorkerService:   static.SingleLocalHost(hostPort(internalIP, p.worker)),
	}
}

// unlimited stands for no rate limit: the guards of a shared cluster only get in the way of a private one.
const unlimited = 1_000_000

// tuning is the dynamic configuration for one application on a small machine.
func tuning(store storage) dynamicconfig.StaticClient {
	values := dynamicconfig.StaticClient{
		// The first workflow task comes back with the start: answers in about 10 ms instead of 50.
		dynamicconfig.EnableEagerWorkflowStart.Key(): true,

		// Due timers wait this long so that clocks of several hosts may differ; here there is one clock, and the
		// default of a second would be the floor of every retry and every short timer.
		dynamicconfig.TimerProcessorMaxTimeShift.Key(): 50 * time.Millisecond,

		// One host serves all partitions: a single one saves forwarding and idle long polls.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

		// Entries, not bytes: the default of 128000 is meant for hosts with far more memory.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): 8192,

		dynamicconfig.FrontendMaxConcurrentLongRunningRequestsPerInstance.Key(): 10_000,
	}
	for _, key := range []dynamicconfig.Key{
		dynamicconfig.FrontendRPS.Key(),
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key(),
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(),
		dynamicconfig.FrontendPersistenceMaxQPS.Key(),
		dynamicconfig.HistoryRPS.Key(),
		dynamicconfig.HistoryPersistenceMaxQPS.Key(),
		dynamicconfig.MatchingRPS.Key(),
		dynamicconfig.MatchingPersistenceMaxQPS.Key(),
		dynamicconfig.WorkerPersistenceMaxQPS.Key(),
		dynamicconfig.VisibilityPersistenceMaxReadQPS.Key(),
		dynamicconfig.VisibilityPersistenceMaxWriteQPS.Key(),
	} {
		values[key] = unlimited
	}
	if store.main == store.visibility {
		// The scavengers look for what a crash between two databases leaves behind; with one file there is nothing.
		values[dynamicconfig.TaskQueueScannerEnabled.Key()] = false
		values[dynamicconfig.HistoryScannerEnabled.Key()] = false
	}
	return values
}
