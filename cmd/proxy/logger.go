package main

import (
	"bytes"
	"fmt"
	"io"
	"log"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/config"
)

// newLogger builds the operational log. It goes to stderr: stdout is for what commands print.
func newLogger(l config.Log, to io.Writer) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(l.Level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	encoder := zapcore.NewJSONEncoder(encoding)
	if l.Format == "console" {
		encoder = zapcore.NewConsoleEncoder(encoding)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(to)), level)), nil
}

// standardLog takes over the log package's output, which net/http's transport writes to without being asked. Undo with the
// returned function.
func standardLog(logger *zap.Logger) (undo func()) {
	output, flags := log.Writer(), log.Flags()
	log.SetOutput(&standardWriter{logger})
	log.SetFlags(0)
	return func() {
		log.SetOutput(output)
		log.SetFlags(flags)
	}
}

// standardWriter passes on lines of the log package without what they quote: net/http shows the bytes that an upstream
// sent unasked, and those may be anybody's.
type standardWriter struct{ logger *zap.Logger }

var quotes = []byte(" starting with ")

func (w *standardWriter) Write(line []byte) (int, error) {
	text, _, _ := bytes.Cut(line, quotes)
	w.logger.Warn(string(bytes.TrimSpace(text[:min(len(text), 512)])))
	return len(line), nil
}
