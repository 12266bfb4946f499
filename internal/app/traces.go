package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"folioscope/internal/config"
	"folioscope/internal/jobs"
	"folioscope/internal/outbound"
	"folioscope/internal/telemetry"
	"folioscope/internal/trace"
)

// tracesWaitMax is how long a node that stops waits for a collector to take its last spans.
const tracesWaitMax = 3 * time.Second

// withTraces runs a node that sends what its requests, jobs and hints cause to the collector of the settings, if there is one.
func withTraces(ctx context.Context, settings config.Config, o Options, run func(Options) error) error {
	to := settings.Telemetry.Traces.Endpoint.Reveal()
	if to == "" {
		return run(o)
	}
	out, err := outbound.New(outbound.Options{Allow: settings.Outbound.Allow, Proxy: settings.Outbound.Proxy.Reveal()})
	if err != nil {
		return err
	}
	traces, err := telemetry.NewTraces(ctx, telemetry.TraceOptions{
		Endpoint: to, Percent: settings.Telemetry.Traces.Percent, Client: out.Operator(to), Version: o.Version, Node: o.node, Log: o.Log,
	})
	if err != nil {
		return fmt.Errorf("telemetry.traces.endpoint: %w", err)
	}
	o.tracer = traces
	err = run(o)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), tracesWaitMax)
	defer cancel()
	if late := traces.Close(last); late != nil {
		o.Log.WarnContext(ctx, "the last traces were not sent", "error", errors.Unwrap(late))
	}
	return err
}

// tracedKinds are kinds of jobs each run of which is told.
func tracedKinds(kinds []jobs.Kind, tracer trace.Tracer) []jobs.Kind {
	if tracer == nil {
		return kinds
	}
	for i, kind := range kinds {
		kinds[i].Work = func(ctx context.Context, job jobs.Job) error {
			ctx, span := tracer.Start(ctx, trace.Internal, "job "+kind.Name)
			err := kind.Work(ctx, job)
			span.End(err != nil)
			return err
		}
	}
	return kinds
}
