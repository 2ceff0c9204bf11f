// Command reverseproxy is what a team would write instead of a gateway, and write well: httputil.ReverseProxy with the
// provider's own signer, a limit, and a line in the log for each call. It runs beside Tollgate in the benchmarks.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

const maxBody = 12 << 20

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
		Handler:           &front{newProxy(target, pool), target, rate.NewLimiter(1_000_000, 1_000_000), logger, os.Getenv("BENCH_AK"), os.Getenv("BENCH_SK")},
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
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
			MaxIdleConns:        256,
			MaxIdleConnsPerHost: 256,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
			WriteBufferSize:     16 << 10,
			ReadBufferSize:      16 << 10,
		},
		BufferPool: newBuffers(),
	}
}

// front limits, signs and logs; the proxy behind it sends.
type front struct {
	next      http.Handler
	target    *url.URL
	limiter   *rate.Limiter
	logger    *zap.Logger
	accessKey string
	secretKey string
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
	if err := f.sign(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.next.ServeHTTP(w, r)
}

// sign reads the body and has the SDK sign the call as it will be sent.
func (f *front) sign(r *http.Request) error {
	body, err := read(r)
	if err != nil {
		return err
	}
	b := request.NewHttpRequestBuilder().WithEndpoint(f.target.String()).WithMethod(r.Method).WithPath(r.URL.Path).WithBody("", body)
	b.AddHeaderParam("Host", f.target.Host)
	if contentType := r.Header.Get("Content-Type"); contentType != "" {
		b.AddHeaderParam("Content-Type", contentType)
	}
	if r.URL.RawQuery != "" {
		return errors.New("queries are not called for here")
	}
	added, err := signer.Sign(b.Build(), f.accessKey, f.secretKey)
	if err != nil {
		return err
	}
	for name, value := range added {
		r.Header.Set(name, value)
	}
	return nil
}

// read replaces the body by one from memory. The SDK's signer wants a string.
func read(r *http.Request) (string, error) {
	if r.ContentLength == 0 {
		r.Body = http.NoBody
		return "", nil
	}
	if r.ContentLength < 0 || r.ContentLength > maxBody {
		return "", fmt.Errorf("a body of %d bytes", r.ContentLength)
	}
	var text strings.Builder
	text.Grow(int(r.ContentLength))
	if _, err := io.CopyN(&text, r.Body, r.ContentLength); err != nil {
		return "", err
	}
	r.Body = io.NopCloser(strings.NewReader(text.String()))
	return text.String(), nil
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
