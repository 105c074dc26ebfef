package store

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// packer compresses chunks of evidence, each as one zstd frame. It is safe for
// concurrent use.
type packer struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	chunks  *sync.Pool // *[]byte of chunkBytes, being filled
}

func newPacker() (packer, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(chunkBytes),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false)) // encryption authenticates what is packed
	if err != nil {
		return packer{}, fmt.Errorf("compressor: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(chunkBytes), zstd.WithDecoderLowmem(true))
	if err != nil {
		return packer{}, fmt.Errorf("decompressor: %w", err)
	}
	return packer{encoder, decoder, &sync.Pool{New: func() any {
		chunk := make([]byte, 0, chunkBytes)
		return &chunk
	}}}, nil
}

// pack compresses at most chunkBytes.
func (p packer) pack(plain []byte) []byte {
	return p.encoder.EncodeAll(plain, make([]byte, 0, len(plain)/4+64))
}

// unpack appends what packed holds to plain; more than chunkBytes is an error.
func (p packer) unpack(packed, plain []byte) ([]byte, error) {
	return p.decoder.DecodeAll(packed, plain)
}

// chunk gives an empty buffer for chunkBytes.
func (p packer) chunk() []byte {
	if chunk, ok := p.chunks.Get().(*[]byte); ok {
		return *chunk
	}
	return make([]byte, 0, chunkBytes)
}

// release takes a buffer back; nobody may use it any more.
func (p packer) release(chunk []byte) {
	if cap(chunk) == chunkBytes {
		chunk = chunk[:0]
		p.chunks.Put(&chunk)
	}
}

// close ends the decoder's background work.
func (p packer) close() error {
	p.decoder.Close()
	return p.encoder.Close()
}
