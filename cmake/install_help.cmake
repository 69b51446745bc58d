# Installs the manual pages and completion scripts that `program` writes, into `man_dir` and `data_dir`. Until then they lie in
# a folder of this installation alone, in `build`: others may be under way.
string(RANDOM LENGTH 12 name)
set(folder "${build}/help-${name}")
file(MAKE_DIRECTORY "${folder}")
function(assemble_write arguments output)
  execute_process(COMMAND "${program}" ${arguments} OUTPUT_FILE "${folder}/${output}" ERROR_VARIABLE error
                  RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    file(REMOVE_RECURSE "${folder}")
    message(FATAL_ERROR "${program} ${arguments}: ${error}")
  endif()
endfunction()
assemble_write("man;--out;${folder}/man1" man1.log)
assemble_write("completion;bash" assemble)
assemble_write("completion;zsh" _assemble)
assemble_write("completion;fish" assemble.fish)

# Folders may be absolute; file(INSTALL) honours DESTDIR.
foreach(dir man_dir data_dir)
  cmake_path(ABSOLUTE_PATH ${dir} BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}")
endforeach()
file(INSTALL "${folder}/man1" DESTINATION "${man_dir}")
file(INSTALL "${folder}/assemble" DESTINATION "${data_dir}/bash-completion/completions")
file(INSTALL "${folder}/_assemble" DESTINATION "${data_dir}/zsh/site-functions")
file(INSTALL "${folder}/assemble.fish" DESTINATION "${data_dir}/fish/vendor_completions.d")
file(REMOVE_RECURSE "${folder}")
