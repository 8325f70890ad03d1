import StreamingRecommender

extension RedisAddress {
  /// The address in `redis.url`; a URL that cannot be used is an error of the configuration.
  public init(_ url: String) throws(RedisError) {
    do {
      try self.init(url: url)
    } catch {
      throw RedisError(.address, "redis.url: \(error)")
    }
  }
}
