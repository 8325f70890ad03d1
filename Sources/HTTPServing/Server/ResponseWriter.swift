import CMicroHTTPD

/// Hands responses to libmicrohttpd.
enum ResponseWriter {
  static func queue(
    _ response: HTTPResponse, _ request: HTTPRequest, _ connection: OpaquePointer, _ server: ServerContext
  ) -> MHD_Result {
    let isCandidate =
      response.isCompressible && response.body.count >= server.configuration.compressedBytesMin
      && GzipCompressor.isWorthwhile(response.contentType)
    let compressed =
      isCandidate && GzipCompressor.isAccepted(request.headers["accept-encoding"]) ? server.compressor.compress(response.body) : nil
    guard let made = make(compressed ?? response.body) else { return freshet_mhd_no }
    defer { MHD_destroy_response(made) }
    if !response.contentType.isEmpty { MHD_add_response_header(made, "Content-Type", response.contentType) }
    MHD_add_response_header(made, "Cache-Control", response.cacheControl)
    MHD_add_response_header(made, "X-Content-Type-Options", "nosniff")
    if let tag = response.entityTag {
      MHD_add_response_header(made, "ETag", (compressed == nil ? tag : tag.compressed).description)
    }
    // A 304 has the header that the full response would have.
    if isCandidate || response.entityTag != nil { MHD_add_response_header(made, "Vary", "Accept-Encoding") }
    if compressed != nil { MHD_add_response_header(made, "Content-Encoding", "gzip") }
    for header in response.headers { MHD_add_response_header(made, header.name, header.value) }
    return MHD_queue_response(connection, UInt32(response.status), made)
  }

  private static func make(_ body: [UInt8]) -> OpaquePointer? {
    body.withUnsafeBytes { bytes in
      MHD_create_response_from_buffer(bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), freshet_mhd_must_copy)
    }
  }
}
