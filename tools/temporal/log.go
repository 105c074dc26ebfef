package main

import (
	"os"

	"go.temporal.io/server/common/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger writes JSON to stderr, in the shape the server's own configuration would give it, with a level that can
// change while it runs.
func newLogger(level zap.AtomicLevel) log.Logger {
	core := zapcore.NewCore(
		zapcore.NewJSONEncoder(log.DefaultZapEncoderConfig),
		zapcore.Lock(os.Stderr),
		level,
	)
	return log.NewZapLogger(zap.New(core))
}
