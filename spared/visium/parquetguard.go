package visium

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	pqformat "github.com/parquet-go/parquet-go/format"

	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
)

// pageGuard checks the pages of a column before package parquet-go reads
// them. That package sets memory aside for whatever a page header or a run
// length claims: 20 bytes can ask for 8 GB. The guard refuses what the bytes
// that are there, or the number of rows, do not bear out.
type pageGuard struct {
	data     []byte // the whole file
	meta     *pqformat.ColumnMetaData
	optional bool // values are preceded by which of them are there
}

// Fields of the PageHeader struct (parquet.thrift of apache/parquet-format),
// and of the structs in it, of which only one is there.
const (
	pageUncompressed = 2
	pageCompressed   = 3
	pageData         = 5
	pageDictionary   = 7
	pageDataV2       = 8

	pageValues       = 1
	pageEncoding     = 2
	pageV2Encoding   = 4
	pageV2Definition = 5
	pageV2Repetition = 6
	pageV2Compressed = 7
)

// oldDictionary is PLAIN_DICTIONARY, what version 1 of the format calls both a
// dictionary and the numbers that refer to it.
const oldDictionary pqformat.Encoding = 2

// check walks over the pages of a column of so many rows.
func (g pageGuard) check(rows int64) error {
	start := g.meta.DataPageOffset
	if d := g.meta.DictionaryPageOffset; d != 0 {
		start = d
	}
	size := g.meta.TotalCompressedSize
	if start < 4 || size < 0 || start > int64(len(g.data)) || size > int64(len(g.data))-start {
		return errors.New("its pages lie outside the file")
	}
	rest, values := g.data[start:start+size], int64(0)
	for len(rest) > 0 && values < rows {
		n, header, err := walkThrift(rest)
		if err != nil {
			return fmt.Errorf("a page header is damaged: %w", err)
		}
		rest = rest[n:]
		size := header[[2]int{0, pageCompressed}]
		if size < 0 || size > int64(len(rest)) {
			return errors.New("a page is cut off")
		}
		more, err := g.page(header, rest[:size], rows-values)
		if err != nil {
			return err
		}
		values += more
		rest = rest[size:]
	}
	if values != rows {
		return fmt.Errorf("it has %d values for %d rows", values, rows)
	}
	return nil
}

// page checks a page that may have so many values at most, and returns how
// many of the column's it has.
func (g pageGuard) page(header map[[2]int]int64, page []byte, most int64) (values int64, err error) {
	kind, encodingField := 0, pageEncoding
	for _, k := range []int{pageData, pageDictionary, pageDataV2} {
		if _, ok := header[[2]int{k, pageValues}]; ok {
			kind = k
		}
	}
	switch kind {
	case 0:
		return 0, errors.New("a page of unknown kind")
	case pageDataV2:
		encodingField = pageV2Encoding
	case pageDictionary:
		most = maxRowsPerByte * int64(len(g.data))
	}
	n := header[[2]int{kind, pageValues}]
	if n < 0 || n > most {
		return 0, fmt.Errorf("a page claims %d values", n)
	}
	body, size := page, header[[2]int{0, pageUncompressed}]
	codec := g.meta.Codec
	if kind == pageDataV2 { // its levels lie before the compressed part
		levels := header[[2]int{kind, pageV2Definition}] + header[[2]int{kind, pageV2Repetition}]
		if levels < 0 || levels > int64(len(page)) {
			return 0, errors.New("the levels of a page lie outside it")
		}
		if err := checkRuns(page[header[[2]int{kind, pageV2Repetition}]:levels], 1, n); err != nil {
			return 0, err
		}
		body, size = page[levels:], size-levels
		if c, ok := header[[2]int{kind, pageV2Compressed}]; ok && c == 0 {
			codec = pqformat.Uncompressed
		}
	}
	if body, err = expandPage(codec, body, size); err != nil {
		return 0, err
	}
	if kind == pageData && g.optional {
		if body, err = cutRuns(body, n); err != nil {
			return 0, err
		}
	}
	err = checkValues(pqformat.Encoding(header[[2]int{kind, encodingField}]), kind == pageDictionary, body, n)
	if kind == pageDictionary {
		n = 0
	}
	return n, err
}

// expandPage decompresses a page, which must have the size that its header
// says.
func expandPage(codec pqformat.CompressionCodec, page []byte, size int64) ([]byte, error) {
	if size < 0 || size > rawfile.ExpandSlack+rawfile.MaxRatio*int64(len(page)) {
		return nil, fmt.Errorf("a page of %d bytes claims to hold %d", len(page), size)
	}
	var r io.Reader
	switch codec {
	case pqformat.Uncompressed:
		r = bytes.NewReader(page)
	case pqformat.Snappy:
		if n, k := binary.Uvarint(page); k <= 0 || n != uint64(size) {
			return nil, errors.New("a page is not as long as its header says")
		}
		return snappy.Decode(nil, page)
	case pqformat.Gzip:
		z, err := gzip.NewReader(bytes.NewReader(page))
		if err != nil {
			return nil, err
		}
		r = z
	case pqformat.Zstd:
		z, err := zstd.NewReader(bytes.NewReader(page), zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(max(size, 1<<20))))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		r = z
	default:
		return nil, fmt.Errorf("compression %v cannot be read; want SNAPPY, ZSTD, GZIP or none", codec)
	}
	body, err := io.ReadAll(io.LimitReader(r, size+1))
	if err == nil && int64(len(body)) != size {
		err = errors.New("a page is not as long as its header says")
	}
	return body, err
}

// checkValues checks the lengths in an encoded page of n values. Of
// DELTA_BYTE_ARRAY, which neither Space Ranger nor pandas uses unasked, they
// cannot be told without decoding: it is refused.
func checkValues(encoding pqformat.Encoding, dictionary bool, body []byte, n int64) error {
	switch encoding {
	case pqformat.Plain, pqformat.ByteStreamSplit:
		if !dictionary && n > 8*int64(len(body)) { // booleans are bits
			return fmt.Errorf("a page of %d bytes claims %d values", len(body), n)
		}
		return nil
	case oldDictionary, pqformat.RLEDictionary:
		if dictionary {
			return nil // an old name of plain
		}
		if len(body) == 0 {
			if n == 0 {
				return nil
			}
			return errors.New("a page is empty")
		}
		if body[0] > 32 {
			return fmt.Errorf("a page has values of %d bits", body[0])
		}
		return checkRuns(body[1:], int(body[0]), n)
	case pqformat.DeltaBinaryPacked, pqformat.DeltaLengthByteArray:
		return checkDelta(body, n)
	case pqformat.RLE: // booleans
		rest, err := cutRuns(body, n)
		if err == nil && len(rest) > 0 {
			err = errors.New("a page has bytes after its last run")
		}
		return err
	}
	return fmt.Errorf("encoding %v cannot be read; write the file anew with plain or dictionary encoding", encoding)
}

// checkDelta checks the head of n delta-encoded numbers: block size, miniblocks
// in a block, and how many numbers come.
func checkDelta(body []byte, n int64) error {
	const maxBlock = 1 << 16 // the writers in use have 128
	var head [3]uint64
	for i := range head {
		v, k := binary.Uvarint(body)
		if k <= 0 {
			return errors.New("a page is cut off")
		}
		head[i], body = v, body[k:]
	}
	if head[0] == 0 || head[0] > maxBlock || head[1] == 0 || head[1] > head[0] || head[2] > uint64(n) {
		return fmt.Errorf("a page claims %d numbers in blocks of %d", head[2], head[0])
	}
	return nil
}

// cutRuns checks runs of bits that are preceded by their length in bytes, and
// returns what comes after them.
func cutRuns(body []byte, n int64) (rest []byte, err error) {
	if len(body) < 4 {
		return nil, errors.New("a page is cut off")
	}
	size := int64(binary.LittleEndian.Uint32(body))
	if size > int64(len(body))-4 {
		return nil, errors.New("a page is cut off")
	}
	return body[4+size:], checkRuns(body[4:4+size], 1, n)
}

// checkRuns walks over the hybrid of run lengths and packed bits and checks
// that it has no more than n values, but for those that fill the last eight.
func checkRuns(runs []byte, bits int, n int64) error {
	for left := n; len(runs) > 0; {
		head, k := binary.Uvarint(runs)
		if k <= 0 {
			return errors.New("a run length is cut off")
		}
		runs = runs[k:]
		count, width := int64(head>>1), int64(bits+7)/8
		if head&1 != 0 {
			if count > n/8+1 {
				return fmt.Errorf("a run claims more than the page's %d values", n)
			}
			count, width = 8*count, count*int64(bits)
		}
		if count > left+7 {
			return fmt.Errorf("runs claim more than the page's %d values", n)
		}
		if width > int64(len(runs)) {
			return errors.New("a run is cut off")
		}
		left, runs = max(0, left-count), runs[width:]
	}
	return nil
}
