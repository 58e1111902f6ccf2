import { describe, expect, it } from 'vitest';
import { decodeText } from './text.ts';

const TEXT = 'kind: Ingress\nhost: größe.test\n';

function utf16(text: string, order: 'le' | 'be'): Buffer {
  const bytes = Buffer.from(text, 'utf16le');
  return order === 'le' ? bytes : bytes.swap16();
}

describe('decodeText', () => {
  it.each([
    ['UTF-8', Buffer.from(TEXT)],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${TEXT}`)],
    ['UTF-16, little end first', utf16(`\ufeff${TEXT}`, 'le')],
    ['UTF-16, big end first', utf16(`\ufeff${TEXT}`, 'be')],
  ])('reads %s', (_, bytes) => {
    expect(decodeText(bytes)).toEqual({ kind: 'text', text: TEXT });
  });

  it('leaves out the marks of files that were put together', () => {
    expect(decodeText(Buffer.from('\ufeffa: 1\n---\n\ufeffb: 2\n\ufeff---\nc: "\ufeff"\n'))).toEqual({
      kind: 'text',
      text: 'a: 1\n---\nb: 2\n---\nc: "\ufeff"\n',
    });
  });

  it.each([
    ['UTF-16 without a mark', utf16(TEXT.replaceAll(/[öß]/g, 'o'), 'le'), /UTF-16 without a byte order mark/, 1],
    ['UTF-16 that was cut', utf16(`\ufeff${TEXT}`, 'le').subarray(0, 21), /ends within a character/, 0],
    ['Latin-1', Buffer.from(TEXT, 'latin1'), /not UTF-8/, 2],
    ['nothing but NULs', Buffer.alloc(100), /nothing but NUL bytes/, 1],
    ['NULs at the end', Buffer.concat([Buffer.from(TEXT), Buffer.alloc(10)]), /NUL bytes/, 3],
    ['an HTML page', Buffer.from('\n<!DOCTYPE html>\n<html><body>502</body></html>'), /HTML/, 1],
    ['XML', Buffer.from('<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'), /XML/, 1],
    ['the error of a web server', Buffer.from('404: Not Found'), /error of a web server/, 1],
    ['the same without a colon', Buffer.from('404 page not found\n'), /error of a web server/, 1],
    ['an LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 12\n'), /LFS/, 1],
    ['a PEM file', Buffer.from('-----BEGIN CERTIFICATE-----\nMIIB\n'), /PEM/, 1],
    ['a merge that was not resolved', Buffer.from('a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n'), /merge/, 1],
  ])('says of %s what it looks like', (_, bytes, message, line) => {
    expect(decodeText(bytes)).toEqual({ kind: 'broken', message: expect.stringMatching(message), line });
  });
});
