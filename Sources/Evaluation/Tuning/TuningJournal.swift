import Foundation

/// The finished trials of a search as JSON lines; each is written to disk before the next trial starts.
///
/// The file is locked, so that only one search uses it.
public final class TuningJournal {
  public let path: String
  /// The trials found at the start and those added since.
  public private(set) var trials: [TuningTrial]
  private let file: FileHandle

  /// Opens `directory/trials.jsonl` and creates both if necessary. A truncated last line is removed.
  ///
  /// - Throws: `TuningError` if the directory cannot be written, another search has locked it, or a line is not a trial.
  public init(directory: String) throws(TuningError) {
    path = directory + "/trials.jsonl"
    try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw TuningError("\(path): cannot be written (\(String(cString: strerror(errno))))") }
    file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw TuningError("\(path): another search is writing it") }
    let data: Data
    do { data = try file.readToEnd() ?? Data() } catch { throw TuningError("\(path): cannot be read (\(error.localizedDescription))") }
    let whole = data.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    if whole < data.count { ftruncate(descriptor, off_t(whole)) }
    trials = try Self.trials(data.prefix(whole), path)
  }

  private static func trials(_ data: Data, _ path: String) throws(TuningError) -> [TuningTrial] {
    var trials: [TuningTrial] = []
    for (number, line) in data.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast().enumerated() {
      guard let trial = try? JSONDecoder().decode(TuningTrial.self, from: Data(line)) else {
        throw TuningError("\(path): line \(number + 1) is no trial: remove it, or choose another directory")
      }
      trials.append(trial)
    }
    return trials
  }

  /// - Throws: `TuningError` if the trial cannot be written.
  public func add(_ trial: TuningTrial) throws(TuningError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    do {
      try file.write(contentsOf: try encoder.encode(trial) + Data([0x0A]))
      try file.synchronize()
    } catch { throw TuningError("\(path): cannot be written (\(error.localizedDescription))") }
    trials.append(trial)
  }
}
