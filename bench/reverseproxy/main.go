// Command reverseproxy is what a team would write instead of a gateway, and write well: httputil.ReverseProxy with the
// provider's own signer, a limit, and a line in the log for each call. It runs beside Tollgate in the benchmarks.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

type settings struct{ listen, upstream, cert, key, ca, log string }

func main() {
	var s settings
	flag.StringVar(&s.listen, "listen", "", "`address` to listen on")
	flag.StringVar(&s.upstream, "upstream", "", "`url` of the upstream")
	flag.StringVar(&s.cert, "cert", "", "certificate `file`")
	flag.StringVar(&s.key, "key", "", "key `file`")
	flag.StringVar(&s.ca, "ca", "", "`file` with the authority of the upstream and of callers")
	flag.StringVar(&s.log, "log", "", "`file` for the log of calls")
	flag.Parse()
	if err := run(s); err != nil {
		log.Fatal(err)
	}
}

func run(s settings) error {
	target, err := url.Parse(s.upstream)
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	config := zap.NewProductionConfig()
	config.OutputPaths, config.Sampling = []string{s.log}, nil
	logger, err := config.Build(zap.WithCaller(false))
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr:              s.listen,
		Handler:           &front{newProxy(target, pool), rate.NewLimiter(1_000_000, 1_000_000), logger},
		TLSConfig:         &tls.Config{ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       90 * time.Second,
	}
	return server.ListenAndServeTLS(s.cert, s.key)
}

func newProxy(target *url.URL, pool *x509.CertPool) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = target.Host
		},
		Transport:  &signing{newTransport(pool), target, os.Getenv("BENCH_AK"), os.Getenv("BENCH_SK")},
		BufferPool: newBuffers(),
	}
}

func newTransport(pool *x509.CertPool) *http.Transport {
	return &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		MaxIdleConns:        256,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
		WriteBufferSize:     16 << 10,
		ReadBufferSize:      16 << 10,
	}
}

// front limits and logs; the proxy behind it sends.
type front struct {
	next    http.Handler
	limiter *rate.Limiter
	logger  *zap.Logger
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	answer := &statusWriter{w, http.StatusOK}
	f.serve(answer, r)
	f.logger.Info("call",
		zap.String("caller", r.TLS.PeerCertificates[0].Subject.CommonName),
		zap.String("method", r.Method), zap.String("path", r.URL.Path),
		zap.Int("status", answer.status), zap.Int64("bytes", r.ContentLength), zap.Duration("took", time.Since(start)))
}

func (f *front) serve(w http.ResponseWriter, r *http.Request) {
	if err := f.limiter.Wait(r.Context()); err != nil {
		http.Error(w, "too many calls", http.StatusTooManyRequests)
		return
	}
	f.next.ServeHTTP(w, r)
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the proxy reach the connection's own abilities.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
