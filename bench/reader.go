package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// pageToken signs the reader of review pages in.
const pageToken = "bench-token-of-the-reader-of-review-pages-0001"

// pageTokenHash is what the configuration has of it.
func pageTokenHash() string {
	sum := sha256.Sum256([]byte(pageToken))
	return hex.EncodeToString(sum[:])
}

// reader looks at review pages, one after the other, and has the log verified over and over.
type reader struct {
	*http.Client
	origin string
}

func newReader(address string) (*reader, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	r := &reader{&http.Client{Jar: jar, Timeout: 30 * time.Second}, "http://" + address}
	return r, r.post("/signin", url.Values{"token": {pageToken}, "next": {"/about"}})
}

func (r *reader) post(path string, form url.Values) error {
	return checkPage(r.PostForm(r.origin+path, form))
}

func (r *reader) get(path string) error { return checkPage(r.Get(r.origin + path)) }

// checkPage reads an answer to its end. That too much is asked for at once is no error.
func checkPage(answer *http.Response, err error) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if s := answer.StatusCode; err == nil && s != http.StatusOK && s != http.StatusServiceUnavailable && s != http.StatusConflict {
		err = fmt.Errorf("%s answered %s", answer.Request.URL.Path, answer.Status)
	}
	return err
}

// pageLog is how pages of a gateway call its own log.
const pageLog = "log"

// pagesRead are those that a reviewer opens most.
var pagesRead = []string{"/", "/period/2026", "/calls", "/calls?effect=spend", "/log", "/tls"}

// read reads until the function returned is called, which returns what went wrong.
func (r *reader) read() (end func() error) {
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			path, err := pagesRead[i%len(pagesRead)], error(nil)
			if err = r.get(strings.Replace(path, "2026", time.Now().UTC().Format("2006-01"), 1)); err == nil && path == "/" {
				err = r.post("/log/verify", url.Values{"log": {pageLog}})
			}
			if err != nil {
				ended <- errors.Join(errors.New("reading review pages"), err)
				return
			}
		}
	}()
	return func() error {
		close(stop)
		return <-ended
	}
}
