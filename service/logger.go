package service

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/config"
	"tollgate/internal/text"
)

// NewLogger returns the operational log, and its level, which may be changed. It goes to stderr: stdout is for what commands print. The format
// auto is text if to, or what a [LineWriter] writes to, is a terminal.
func NewLogger(l config.Log, to io.Writer) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zap.ParseAtomicLevel(l.Level)
	if err != nil {
		return nil, level, fmt.Errorf("log.level: %w", err)
	}
	core := zapcore.NewCore(newEncoder(l.Format, to), zapcore.AddSync(to), level)
	// One line says what a thousand like it in the same second would; a failing disk must not be filled with them.
	core = zapcore.NewSamplerWithOptions(core, time.Second, 100, 1000)
	return zap.New(core), level, nil
}

func newEncoder(format string, to io.Writer) zapcore.Encoder {
	if lines, ok := to.(*LineWriter); ok {
		to = lines.to
	}
	if format == "text" || format == "auto" && text.IsTerminal(to) {
		return newTextEncoder(time.Local)
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	return zapcore.NewJSONEncoder(encoding)
}

// patientLines is how many log lines may wait for a reader that is slow.
const patientLines = 4096

// LineWriter writes lines in a goroutine of its own. A reader of the log that stalls or dies must stop neither calls nor
// the stop of the gateway: lines that find no room are dropped, and counted.
type LineWriter struct {
	to      io.Writer
	lines   chan []byte
	closing chan struct{} // closed by Close
	done    chan struct{}
	dropped atomic.Uint64
}

// NewLineWriter returns a LineWriter that writes to another writer. The caller must call Close.
func NewLineWriter(to io.Writer) *LineWriter {
	w := &LineWriter{to: to, lines: make(chan []byte, patientLines), closing: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *LineWriter) run() {
	defer close(w.done)
	for {
		select {
		case line := <-w.lines:
			w.write(line)
		case <-w.closing:
			w.writeRest()
			return
		}
	}
}

// writeRest writes what waits.
func (w *LineWriter) writeRest() {
	for {
		select {
		case line := <-w.lines:
			w.write(line)
		default:
			return
		}
	}
}

func (w *LineWriter) write(line []byte) {
	_, _ = w.to.Write(line) // there is no other place to report it
	if dropped := w.dropped.Swap(0); dropped > 0 {
		_, _ = fmt.Fprintf(w.to, droppedFormat(line), dropped)
	}
}

// droppedFormat returns the line about lines that were dropped, in the format of the one before.
func droppedFormat(before []byte) string {
	if bytes.HasPrefix(before, []byte("{")) {
		return `{"level":"warn","msg":"log lines were dropped: they were not read in time","lines":%d}` + "\n"
	}
	return "WARN  log lines were dropped: they were not read in time  lines=%d\n"
}

// Write takes a line, or drops it. It never waits.
func (w *LineWriter) Write(line []byte) (int, error) {
	select {
	case w.lines <- bytes.Clone(line):
	default:
		w.dropped.Add(1)
	}
	return len(line), nil
}

// Close writes what waits, for as long as within, and ends the goroutine. What is written after it may be dropped: the server's
// goroutines for connections end later than the server.
func (w *LineWriter) Close(within time.Duration) {
	close(w.closing)
	select {
	case <-w.done:
	case <-time.After(within):
	}
}

// RedirectStandardLog takes over the log package's output, which net/http's transport writes to without being asked. Undo with the
// returned function.
func RedirectStandardLog(logger *zap.Logger) (undo func()) {
	output, flags := log.Writer(), log.Flags()
	log.SetOutput(&standardWriter{logger})
	log.SetFlags(0)
	return func() {
		log.SetOutput(output)
		log.SetFlags(flags)
	}
}

// standardWriter passes on lines of the log package without what they quote: net/http shows the bytes that an upstream
// sent unasked, and those may be any.
type standardWriter struct{ logger *zap.Logger }

var quotes = []byte(" starting with ")

func (w *standardWriter) Write(line []byte) (int, error) {
	text, _, _ := bytes.Cut(line, quotes)
	w.logger.Warn(string(bytes.TrimSpace(text[:min(len(text), 512)])))
	return len(line), nil
}
