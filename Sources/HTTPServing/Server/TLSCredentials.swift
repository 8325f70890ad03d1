import CMicroHTTPD

/// A certificate chain and its key, ready for handshakes.
///
/// Unchecked: GnuTLS only reads them after `init`, and that from any number of threads.
final class TLSCredentials: @unchecked Sendable {
  private static let chainMax = 16

  let certificates: UnsafeMutablePointer<gnutls_pcert_st>
  private(set) var count: UInt32
  private(set) var key: gnutls_privkey_t?
  /// Seconds since 1970 when the server's certificate expires.
  private(set) var expires: Int = 0

  init(certificatePEM: [UInt8], keyPEM: [UInt8]) throws(TLSError) {
    certificates = .allocate(capacity: Self.chainMax)
    count = 0
    var found = UInt32(Self.chainMax)
    let certificates = certificates
    let imported = Self.datum(certificatePEM) { gnutls_pcert_list_import_x509_raw(certificates, &found, $0, GNUTLS_X509_FMT_PEM, 0) }
    guard imported >= 0, found > 0 else {
      throw TLSError(
        "the certificate cannot be parsed (\(Self.text(imported))); write it as PEM, with at most \(Self.chainMax) certificates")
    }
    count = found
    gnutls_privkey_init(&key)
    let key = key
    let read = Self.datum(keyPEM) { gnutls_privkey_import_x509_raw(key, $0, GNUTLS_X509_FMT_PEM, nil, 0) }
    guard read >= 0 else { throw TLSError("the key cannot be parsed (\(Self.text(read))); write it as PEM without a passphrase") }
    guard Self.belongTogether(certificates[0].pubkey, key) else {
      throw TLSError("the key does not belong to the certificate, which must be the first in its file")
    }
    expires = Self.expiry(of: certificates[0])
  }

  deinit {
    for index in 0..<Int(count) { gnutls_pcert_deinit(certificates + index) }
    certificates.deallocate()
    if let key { gnutls_privkey_deinit(key) }
  }

  private static func datum(_ bytes: [UInt8], _ body: (UnsafePointer<gnutls_datum_t>) -> Int32) -> Int32 {
    bytes.withUnsafeBytes { buffer in
      let data = UnsafeMutablePointer(mutating: buffer.bindMemory(to: UInt8.self).baseAddress)
      var datum = gnutls_datum_t(data: data, size: UInt32(buffer.count))
      return body(&datum)
    }
  }

  private static func text(_ code: Int32) -> String { String(cString: gnutls_strerror(code)) }

  private static func belongTogether(_ certificate: gnutls_pubkey_t?, _ key: gnutls_privkey_t?) -> Bool {
    var own: gnutls_pubkey_t?
    gnutls_pubkey_init(&own)
    defer { gnutls_pubkey_deinit(own) }
    guard gnutls_pubkey_import_privkey(own, key, 0, 0) >= 0 else { return false }
    let (mine, theirs) = (identifier(own), identifier(certificate))
    return mine != nil && mine == theirs
  }

  private static func identifier(_ key: gnutls_pubkey_t?) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 64)
    var size = bytes.count
    guard gnutls_pubkey_get_key_id(key, 0, &bytes, &size) >= 0 else { return nil }
    return Array(bytes.prefix(size))
  }

  private static func expiry(of certificate: gnutls_pcert_st) -> Int {
    var parsed: gnutls_x509_crt_t?
    gnutls_x509_crt_init(&parsed)
    defer { gnutls_x509_crt_deinit(parsed) }
    var raw = certificate.cert
    guard gnutls_x509_crt_import(parsed, &raw, GNUTLS_X509_FMT_DER) >= 0 else { return 0 }
    return Int(gnutls_x509_crt_get_expiration_time(parsed))
  }
}
