import Foundation

// Nothing else stands here: code at the top level belongs to the main actor, and callbacks of C libraries must not.
exit(CommandRunner.run(Array(CommandLine.arguments.dropFirst())).rawValue)
