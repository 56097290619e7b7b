package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared"
)

// MaxRetryAfter is the longest pause that a server may ask for. A server that
// asks for more ends the call; the next one goes on where it stopped.
const MaxRetryAfter = 2 * time.Minute

const (
	partSuffix  = ".part"      // what has arrived so far
	stateSuffix = ".part.json" // of which version of which address
	mebi        = 1 << 20
)

var errDiskFull = errors.New("the disk is full, or takes no larger file: make room and run this again, it goes on where it stopped")

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/mebi) }

// stallTimeout is how long nothing may arrive before the line counts as
// broken.
const stallTimeout = time.Minute

// client makes the requests: retryablehttp repeats those that fail before
// their body begins.
type client struct {
	http    *retryablehttp.Client
	retries int
	stall   time.Duration
}

func newClient(o Options) *client {
	c := &client{http: retryablehttp.NewClient(), retries: 5, stall: stallTimeout}
	if o.Retries != 0 {
		c.retries = max(0, o.Retries)
	}
	plain := http.Client{}
	if o.Client != nil {
		plain = *o.Client
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t = t.Clone()
		t.ResponseHeaderTimeout = stallTimeout
		plain.Transport = t
	}
	plain.CheckRedirect = checkRedirect
	c.http.HTTPClient = &plain
	c.http.Logger = nil
	c.http.RetryMax = c.retries
	c.http.RetryWaitMin, c.http.RetryWaitMax = time.Second, time.Minute
	if o.RetryWait > 0 {
		c.http.RetryWaitMin = o.RetryWait
	}
	c.http.CheckRetry = checkRetry
	c.http.ErrorHandler = retryablehttp.PassthroughErrorHandler // the last answer says more than "giving up"
	return c
}

// checkRedirect keeps to the scheme: no way leads from https to http, nor to
// anything that is neither.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	if first := via[0].URL; req.URL.Scheme != first.Scheme {
		return fmt.Errorf("%w from %s to %s", errScheme, first.Scheme, req.URL.Scheme)
	}
	return nil
}

var errScheme = errors.New("refused a redirect")

// checkRetry is the library's policy, except that a refused redirect stays
// refused and that nobody waits for hours.
func checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if errors.Is(err, errScheme) {
		return false, err
	}
	if resp != nil && (resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable) {
		if wait := retryablehttp.DefaultBackoff(0, 0, 0, resp); wait > MaxRetryAfter {
			return false, fmt.Errorf("the server asks to come back in %v (%s): run this again then", wait.Round(time.Second), resp.Status)
		}
	}
	return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
}

// urls are the addresses of a file, in the order they are tried.
func (f *fetcher) urls(file File) []string {
	urls := []string{f.o.Mirror.rewrite(file.URL)}
	if file.Fallback != "" {
		urls = append(urls, f.o.Mirror.rewrite(file.Fallback))
	}
	return urls
}

// download makes sure that a file is complete in its place.
func (f *fetcher) download(ctx context.Context, file File, step string) error {
	at := f.store(file)
	if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
		return err
	}
	want := expected{size: file.Size, sha256: file.SHA256}
	if r, ok := f.records[file.URL]; ok && want.sha256 == "" {
		want = expected{r.Size, r.SHA256, true}
	}
	if st, err := os.Stat(at); err == nil {
		if r, ok := f.records[file.URL]; ok && st.Size() == r.Size {
			return nil // checked when it came
		}
		if err = f.accept(ctx, file, at, want, ""); err == nil {
			return nil
		} else if !errors.Is(err, errOther) {
			return err
		}
		return fmt.Errorf("%w; delete it to download it again", err)
	}
	var failed []error
	for _, address := range f.urls(file) {
		err := f.from(ctx, address, file, at, want, step)
		if err == nil || ctx.Err() != nil || errors.Is(err, errDiskFull) {
			return err
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// from downloads from one address. A file that went on from an earlier part
// and turns out wrong is downloaded once more as a whole.
func (f *fetcher) from(ctx context.Context, address string, file File, at string, want expected, step string) error {
	f.o.Progress.Send(progress.Event{Step: step, Message: address})
	for {
		g := &get{fetcher: f, address: address, part: at + partSuffix, state: at + stateSuffix, want: want, step: step}
		if err := g.run(ctx); err != nil {
			return diskFull(fmt.Errorf("%s: %w", address, err))
		}
		err := f.accept(ctx, file, g.part, want, address)
		if err == nil {
			err = diskFull(os.Rename(g.part, at))
			if err == nil {
				_ = os.Remove(g.state) // of no use any more
			}
			return err
		}
		if !errors.Is(err, errOther) {
			return err
		}
		if err2 := g.forget(); err2 != nil {
			return err2
		}
		if !g.resumed {
			return fmt.Errorf("%s: %w", address, err)
		}
	}
}

// diskFull words the one error of the file system that everybody meets: a full
// disk, a quota, a limit of files (4 GiB on FAT).
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("%w (%w)", errDiskFull, err)
	}
	return err
}

// expected is what a download has to be; zero values are not known.
type expected struct {
	size     int64
	sha256   string
	recorded bool // at an earlier download, not published
}

// errOther is the error of bytes that are not the expected ones.
var errOther = errors.New("is not the expected file")

// accept checks a complete file and records it.
func (f *fetcher) accept(ctx context.Context, file File, path string, want expected, address string) error {
	size, sum, err := hashFile(ctx, path)
	if err != nil {
		return err
	}
	whose := "published"
	if want.recorded {
		whose = "recorded at the first download in " + f.recordsPath()
	}
	if want.size > 0 && size != want.size {
		return fmt.Errorf("%s %w: %d bytes, %s are %d", path, errOther, size, whose, want.size)
	}
	if want.sha256 != "" && sum != want.sha256 {
		return fmt.Errorf("%s %w: sha256 %s, %s is %s", path, errOther, sum, whose, want.sha256)
	}
	if size == 0 {
		return fmt.Errorf("%s %w: it is empty", path, errOther)
	}
	r := record{Size: size, SHA256: sum}
	if address != file.URL {
		r.From = address
	}
	f.records[file.URL] = r
	return diskFull(f.records.write(f.recordsPath()))
}

// hashFile reads a file once more from the disk: what counts is what lies
// there.
func hashFile(ctx context.Context, path string) (size int64, sum string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer in.Close()
	h := sha256.New()
	size, err = io.Copy(h, reader{ctx, in})
	return size, hex.EncodeToString(h.Sum(nil)), err
}

// reader stops when the context ends.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// get is one download in progress.
type get struct {
	*fetcher
	address, part, state string
	want                 expected
	step                 string
	resumed              bool // went on from what an earlier call left
}

// partState says what a part is a part of.
type partState struct {
	URL          string `json:"url"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	Size         int64  `json:"size,omitempty"` // of the whole, bytes; 0 = the server does not say
}

// validator is what If-Range takes: a strong ETag, else the date.
func (s partState) validator() string {
	if s.ETag != "" && !strings.HasPrefix(s.ETag, "W/") {
		return s.ETag
	}
	return s.LastModified
}

// run fills the part until it is complete: whenever the line breaks, it goes
// on after a pause.
func (g *get) run(ctx context.Context) error {
	for failures := 0; ; failures++ {
		before := g.size()
		done, err := g.attempt(ctx)
		if done {
			return nil
		}
		if g.size() > before {
			failures = 0
		}
		var broke *brokenError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.As(err, &broke):
			return err
		case failures >= g.client.retries:
			return fmt.Errorf("%w; what has arrived is kept, run this again to go on", broke.error)
		}
		wait := g.client.http.Backoff(g.client.http.RetryWaitMin, g.client.http.RetryWaitMax, failures, nil)
		g.say(fmt.Sprintf("%v; trying again in %v", err, wait))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// brokenError is an error of the line, which may go away.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

func (g *get) size() int64 {
	st, err := os.Stat(g.part)
	if err != nil {
		return 0
	}
	return st.Size()
}

// forget removes the part.
func (g *get) forget() error {
	for _, path := range []string{g.state, g.part} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// attempt makes one request and takes what comes. It tells whether the part
// is complete.
func (g *get) attempt(ctx context.Context) (done bool, err error) {
	state, have := g.resumable()
	if have > 0 && state.Size == have {
		g.resumed = true
		return true, nil
	}
	line, hangUp := context.WithCancel(ctx)
	defer hangUp()
	resp, err := g.request(line, state, have)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK: // the whole: the server does not resume, or has another version by now
		have = 0
		state = partState{g.address, resp.Header.Get("ETag"), resp.Header.Get("Last-Modified"), max(0, resp.ContentLength)}
	case http.StatusPartialContent:
		from, total, ok := contentRange(resp.Header.Get("Content-Range"))
		if !ok || from != have || state.Size > 0 && total > 0 && total != state.Size {
			return false, g.again(fmt.Errorf("asked for the bytes from %d on, got %q", have, resp.Header.Get("Content-Range")))
		}
		g.resumed = true
	case http.StatusRequestedRangeNotSatisfiable:
		return false, g.again(fmt.Errorf("the server has not as many bytes as have arrived"))
	default:
		return false, fmt.Errorf("the server answers %s%s", resp.Status, gone(resp.StatusCode))
	}
	alarm := time.AfterFunc(g.client.stall, hangUp)
	defer alarm.Stop()
	return g.take(ctx, stallReader{resp.Body, alarm, g.client.stall}, state, have)
}

// stallReader puts off the alarm whenever something arrives.
type stallReader struct {
	io.Reader
	alarm *time.Timer
	after time.Duration
}

func (r stallReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.alarm.Reset(r.after)
	}
	return n, err
}

func gone(status int) string {
	switch status {
	case http.StatusNotFound, http.StatusGone, http.StatusForbidden, http.StatusUnauthorized:
		return ": the file may have moved; --mirror names another place to download from"
	}
	return ""
}

// again forgets the part, so that the next attempt begins anew.
func (g *get) again(err error) error {
	if err := g.forget(); err != nil {
		return err
	}
	return &brokenError{err}
}

// resumable returns what can be gone on from: a part of the same address of
// which the server can tell whether it is still current, or whose sha256 is
// known anyway.
func (g *get) resumable() (state partState, have int64) {
	data, err := os.ReadFile(g.state)
	if err != nil || json.Unmarshal(data, &state) != nil {
		return partState{}, 0
	}
	have = g.size()
	if state.URL != g.address || state.Size > 0 && have > state.Size || state.validator() == "" && g.want.sha256 == "" {
		return partState{}, 0
	}
	return state, have
}

// request asks for the bytes from have on.
func (g *get) request(ctx context.Context, state partState, have int64) (*http.Response, error) {
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, g.address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "spatialgo/"+spared.Version)
	req.Header.Set("Accept-Encoding", "identity") // a packed body has other bytes and no ranges
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if v := state.validator(); v != "" {
			req.Header.Set("If-Range", v)
		}
	}
	resp, err := g.client.http.Do(req)
	if err != nil && resp != nil {
		resp.Body.Close()
	}
	var named *url.Error
	if errors.As(err, &named) {
		err = named.Err // the caller names the address
	}
	return resp, err
}

// contentRange reads "bytes 5-9/10"; total is 0 for "*".
func contentRange(s string) (from, total int64, ok bool) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, size, ok2 := strings.Cut(rest, "/")
	first, _, ok3 := strings.Cut(span, "-")
	from, err := strconv.ParseInt(first, 10, 64)
	if size != "*" {
		var err2 error
		if total, err2 = strconv.ParseInt(size, 10, 64); err2 != nil {
			return 0, 0, false
		}
	}
	return from, total, ok && ok2 && ok3 && err == nil
}

// take writes a body to the part, from have on.
func (g *get) take(ctx context.Context, body io.Reader, state partState, have int64) (done bool, err error) {
	if err := g.checkSize(state.Size, have); err != nil {
		return false, err
	}
	data, err := json.Marshal(state)
	if err != nil {
		return false, err
	}
	out, err := os.OpenFile(g.part, os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	// The old bytes go before the new version is named: a state never stands
	// beside bytes of another version.
	if err := out.Truncate(have); err != nil {
		return false, err
	}
	if err := atomicfile.Write(g.state, func(tmp string) error { return os.WriteFile(tmp, data, 0o666) }); err != nil {
		return false, err
	}
	if _, err := out.Seek(have, io.SeekStart); err != nil {
		return false, err
	}
	n, err := io.Copy(&counter{g: g, w: out, have: have, total: state.Size}, io.LimitReader(reader{ctx, body}, g.o.MaxBytes-have+1))
	var failed *writeError
	switch {
	case errors.As(err, &failed):
		return false, failed.error
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		return false, &brokenError{fmt.Errorf("the line broke after %s: %w", mib(have+n), err)}
	case have+n > g.o.MaxBytes:
		return false, errors.Join(g.tooLarge(have+n), g.forget())
	case state.Size > 0 && have+n < state.Size:
		return false, &brokenError{fmt.Errorf("the line broke after %s of %s", mib(have+n), mib(state.Size))}
	}
	return true, out.Sync()
}

// checkSize refuses a download that cannot be the right one, or cannot fit,
// before it begins.
func (g *get) checkSize(size, have int64) error {
	switch {
	case size == 0:
		return nil
	case g.want.size > 0 && size != g.want.size:
		return fmt.Errorf("the server offers %d bytes, expected are %d: %w", size, g.want.size, errOther)
	case size > g.o.MaxBytes:
		return g.tooLarge(size)
	}
	return room(filepath.Dir(g.part), size-have)
}

func (g *get) tooLarge(size int64) error {
	return fmt.Errorf("%s or more, the most allowed is %s (Options.MaxBytes, --max-gib)", mib(size), mib(g.o.MaxBytes))
}

// counter writes to the part, tells apart its own errors from those of the
// line, and reports.
type counter struct {
	g           *get
	w           io.Writer
	have, total int64
	told        int64 // MiB
}

type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.have += int64(n)
	if now := c.have / mebi; now > c.told || c.have == c.total {
		c.told = now
		e := progress.Event{Step: c.g.step + " (MiB)", Done: int(now), Total: int((c.total + mebi - 1) / mebi), Message: filepath.Base(strings.TrimSuffix(c.g.part, partSuffix))}
		if c.have == c.total {
			e.Done = e.Total
		}
		if c.total > 0 { // of an unknown size no share can be told
			c.g.o.Progress.Send(e)
		}
	}
	if err != nil {
		return n, &writeError{err}
	}
	return n, nil
}
